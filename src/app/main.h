/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - the program behind the binary: finds the command and runs it, returns the exit code
 */
#ifndef TOCSIN_APP_MAIN_H
#define TOCSIN_APP_MAIN_H

int tocsin_main(int argc, char **argv);

#endif
