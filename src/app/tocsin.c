/* SPDX-License-Identifier: Apache-2.0 */
#include "app/main.h"

int main(int argc, char **argv)
{
    return tocsin_main(argc, argv);
}
