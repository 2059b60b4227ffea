/* SPDX-License-Identifier: Apache-2.0 */
#include "app/probe_advice.h"

#include <string.h>

#include "app/flags.h"
#include "base/defs.h"

/* The first row of which the words contain `sign`. */
static const struct {
    const char *sign;
    const char *en, *zh;
} rows[] = {
    {"NOAUTH", "A password is needed: --password-file, and --username for an ACL user.",
     "需要密码：给出 --password-file；ACL 用户另给 --username。"},
    {"WRONGPASS", "User or password are wrong: try them with redis-cli --user NAME --askpass.",
     "用户名或密码错误：可用 redis-cli --user 名称 --askpass 核对。"},
    {"NOPERM", "The account lacks rights: `tocsin probe redis --acl` prints what it needs.",
     "账号权限不足：tocsin probe redis --acl 给出所需的 ACL。"},
    {"LOADING", "Redis reads its data from disk after a start: wait until it has finished.",
     "Redis 正在从磁盘载入数据：请等待其完成。"},
    {"BUSY", "A script blocks Redis: SCRIPT KILL ends one that has written nothing.",
     "有脚本阻塞了 Redis：未写入数据的脚本可用 SCRIPT KILL 终止。"},
    {"MASTERDOWN", "The replica lost its master: see INFO replication there.",
     "从库与主库断开：请在从库上查看 INFO replication。"},
    {"max number of clients",
     "Redis has no connection left: raise maxclients or find who holds them.",
     "Redis 连接数已满：调大 maxclients，或查明占用者。"},
    {"Too many connections",
     "The server has no connection left: raise max_connections or find who holds them.",
     "服务器连接数已满：调大 max_connections，或查明占用者。"},
    {"Access denied",
     "User, password or host are not accepted: `tocsin probe mysql --grants` prints the account.",
     "用户、密码或来源主机不被接受：tocsin probe mysql --grants 给出建账号语句。"},
    {"is not allowed to connect", "No account is for this host: see the host part of mysql.user.",
     "没有允许本机连接的账号：请检查 mysql.user 中的 host。"},
    {"is blocked", "The server has shut this host out: FLUSH HOSTS there lets it in again.",
     "服务器已屏蔽本机：在服务器上执行 FLUSH HOSTS 解除。"},
    {"resolve ", "The name is unknown here: check its spelling, /etc/hosts and the name servers.",
     "无法解析该名称：检查拼写、/etc/hosts 与 DNS 服务器。"},
    {"has expired", "The server's certificate is past its end: renew it there.",
     "服务器证书已过期：请在服务器上更新证书。"},
    {"ertificate",
     "The server's certificate was not accepted: --ca-file names who signed it, and "
     "the address has to be a name in it.",
     "服务器证书未通过验证：用 --ca-file 指定签发者，且地址须是证书中的名称。"},
    {"wrong version number", "This port answers without TLS: ask http:// or tcp, or another port.",
     "该端口的应答不是 TLS：改用 http:// 或 tcp，或换一个端口。"},
    {"TLS",
     "TLS failed: does the server speak it at this port, and does it want a certificate of "
     "ours (--cert-file, --key-file)?",
     "TLS 失败：该端口是否启用了 TLS？是否要求客户端证书（--cert-file、--key-file）？"},
    {"expected 200 to 299",
     "The server is there and answered: is the path right, and does it want a login? A job may take "
     "other codes by valid_status_codes.",
     "服务器已应答：路径是否正确，是否需要登录？作业可用 valid_status_codes 接受其他状态码。"},
    {"redirects",
     "The pages lead to each other in a circle: follow them in a browser or with curl -L.",
     "页面互相重定向：用浏览器或 curl -L 查看。"},
    {"expected HOST:PORT", "Write the port, too.", "请同时写出端口。"},
    {"efused",
     "Nothing listens there: check address and port, and which addresses the server binds.",
     "该地址无服务监听：检查地址与端口，以及服务器绑定的地址。"},
    {"No such file", "There is no such file or socket: check the path, and that the server runs.",
     "文件或套接字不存在：检查路径以及服务器是否在运行。"},
    {"ermission denied", "This user may not open it: check the rights of the file or socket.",
     "当前用户无权打开：检查文件或套接字的权限。"},
    {"connect to", "No answer from there: a firewall between, or the machine is down.",
     "对方没有应答：中间有防火墙，或该机器已停机。"},
    {"within",
     "The connection stands but no answer came in time: the server hangs or is "
     "overloaded, or --timeout is short.",
     "连接已建立但未及时应答：服务器卡住或过载，或 --timeout 过短。"},
    {"closed", "It ended the connection: is it this kind of server, and does it want TLS (--tls)?",
     "对方关闭了连接：确认是此类服务器，且是否要求 TLS（--tls）。"},
};

const char *probe_advice(const char *words)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strstr(words, rows[i].sign))
            return say(rows[i].en, rows[i].zh);
    return NULL;
}
