"""What must be denied to the users of ``deploy/redis/users.acl``: commands as one would type them.

They stand between bars or on lines of their own, with the right number of words: else the server says
that they are wrong, and not that they are forbidden. ``{log}`` and the like are keys.
"""

import re
import shlex

from events.streams.keys import Keys

_KEYS = Keys("promptcast")
_NAMED = {
    "log": _KEYS.log,
    "access": _KEYS.access.log,
    "fence": _KEYS.fence,
    "reports": _KEYS.reports,
    "claim": _KEYS.replica("chat-1"),
    "tail": _KEYS.tail("chat-1"),
    "session": _KEYS.session("a"),
    "link": _KEYS.link("a"),
    "credentials": _KEYS.credentials,
    "snapshot": _KEYS.snapshot("live"),
    "history": _KEYS.snapshot("history"),
    "other": Keys("other").log,
}
_EVERYBODY = """
FLUSHALL | FLUSHDB | SWAPDB 0 1 | SHUTDOWN NOSAVE | SAVE | BGSAVE | BGREWRITEAOF | FAILOVER | MONITOR
KEYS * | SCAN 0 | RANDOMKEY | DBSIZE | COMMAND | SYNC | CLUSTER INFO | DEBUG SLEEP 0 | MODULE LIST
CONFIG SET appendonly no | CONFIG SET requirepass x | CONFIG RESETSTAT | OBJECT ENCODING {log}
CLIENT LIST | CLIENT PAUSE 1 | CLIENT NO-EVICT on | CLIENT TRACKING on
ACL LIST | ACL USERS | ACL LOG | ACL GETUSER admin | ACL SETUSER replica +@all | ACL DELUSER admin
ACL LOAD | ACL SAVE | SCRIPT FLUSH | SCRIPT LOAD x | FUNCTION LIST | FUNCTION FLUSH | FCALL f 0
SLOWLOG GET | SLOWLOG RESET | LATENCY RESET | PUBSUB CHANNELS | PSUBSCRIBE * | SUBSCRIBE other
PUBLISH other x | SPUBLISH c x | MIGRATE h 1 k 0 1 | DUMP {log} | RESTORE {log} 0 x | COPY {log} {log}:2
MOVE {log} 1 | SORT {log} | EVAL_RO x 0 | EVAL x 1 elsewhere | RENAME {log} {other}
RENAME {log} {log}:rebuilt | UNLINK {log} | DEL {log} | EXPIRE {log} 1 | PEXPIRE {log} 1 | SET {log} x
APPEND {log} x | XTRIM {access} MAXLEN 0 | XDEL {log} 1-0 | XSETID {log} 9-0 | XGROUP SETID {log} g 0
XAUTOCLAIM {log} g c 0 0 | XCLAIM {log} g c 0 1-0 | XADD {other} * a b | XRANGE {other} - +
XINFO STREAM {other} | DEL {other} | GET elsewhere | SET elsewhere x
"""
_ADMINS = """
HGETALL {credentials} | HGET {credentials} person:ann | HSET {credentials} person:ann x
HDEL {credentials} x | HMGET {session} person | HSET {session} person admin | DEL {session}
EXISTS {session} | TYPE {session} | HSET {link} person x | HMGET {link} person
XRANGE {access} - + | XREAD STREAMS {access} 0 | XREVRANGE {access} + - | XTRIM {log} MAXLEN 0
"""
_CONTENT = """
XADD {log} 1-0 event x | XADD {access} 1-0 event x | XADD {reports} * report x | XRANGE {log} - +
XREAD STREAMS {log} 0 | XINFO STREAM {log} | XINFO STREAM {log} FULL | GET {claim} | SET {claim} x
HGET {snapshot} body | GETRANGE {tail} 0 1 | EVAL x 0 | EVAL x 1 {log} | WAIT 1 1
"""
_SERVERS = (
    "SLAVEOF NO ONE | REPLICAOF h 1 | PSYNC ? -1 | REPLCONF ack 1 | CLIENT KILL TYPE normal | ROLE"
)
_COMMANDS = {
    "admin": f"""{_EVERYBODY} {_SERVERS}
HGETALL {{credentials}} | XREADGROUP GROUP g c STREAMS {{log}} > | XACK {{log}} g 1-0 | DEL {{access}}
XGROUP CREATE {{log}} g 0 | XTRIM {{reports}} MAXLEN 0 | SET {{claim}} x | GET {{claim}} | DEL {{claim}}
SET {{tail}} x | DEL {{tail}} | CONFIG REWRITE | SCRIPT KILL | XRANGE {{reports}} - +
DEL {{reports}}""",
    "replica": f"""{_EVERYBODY} {_ADMINS} {_SERVERS}
XADD {{log}} 1-0 event x | XADD {{log}} * event x | XADD {{access}} * event x | XADD {{log}}:rebuilt * a b
CONFIG GET appendfsync | CONFIG GET masterauth | WAIT 1 1 | XREAD STREAMS {{log}} 0 | XINFO STREAM {{log}}
XINFO GROUPS {{log}} | SET {{fence}} x | DEL {{fence}} | GET {{fence}} | GET {{tail}} | STRLEN {{tail}}
GETRANGE {{tail}} 0 1
XRANGE {{reports}} - + | XREAD STREAMS {{reports}} 0 | DEL {{reports}} | HGET {{history}} body
HSET {{snapshot}} body x | DEL {{snapshot}} | EVAL x 1 {{access}} | EVAL x 1 {{credentials}}
EVAL x 1 {{fence}} | EVAL x 1 {{session}} | EVAL x 1 {{reports}}""",
    "exporter": f"""{_EVERYBODY} {_ADMINS} {_CONTENT} {_SERVERS}
CONFIG GET maxmemory | XGROUP DESTROY {{log}} g | MEMORY USAGE {{session}} | MEMORY DOCTOR
TYPE {{credentials}} | XLEN {{credentials}} | ACL WHOAMI""",
    "sentinel": f"""{_EVERYBODY} {_ADMINS} {_CONTENT}
CONFIG GET masterauth | CONFIG SET masterauth x | PSYNC ? -1 | REPLCONF ack 1 | ACL WHOAMI""",
    "server-replica": f"""{_EVERYBODY} {_ADMINS} {_CONTENT}
INFO | CONFIG GET masterauth | SLAVEOF NO ONE | CLIENT KILL TYPE normal | ROLE | ACL WHOAMI""",
    "reaper": f"""{_EVERYBODY} {_ADMINS} {_SERVERS}
XADD {{log}} 1-0 event x | XRANGE {{log}} - + | XINFO STREAM {{log}} | XGROUP CREATE {{log}} g 0 | INFO
GET {{claim}} | SET {{claim}} x | DEL {{claim}} | XRANGE {{reports}} - + | GETRANGE {{tail}} 0 1
CONFIG GET appendfsync | EVAL x 1 {{access}} | WAIT 1 1""",
}
_SCRIPTS = {
    "replica": """redis.call('XADD', '{log}', '*', 'event', 'x') | redis.call('DEL', '{log}')
redis.call('HGETALL', '{credentials}') | redis.call('FLUSHALL') | redis.call('GET', '{fence}')
redis.call('XRANGE', '{access}', '-', '+') | redis.call('GET', 'elsewhere')""",
    "admin": """redis.call('XTRIM', '{access}', 'MAXLEN', 0) | redis.call('FLUSHALL')
redis.call('KEYS', '*') | redis.call('SET', 'elsewhere', 'x') | redis.call('DEL', '{claim}')""",
    "reaper": "redis.call('XADD', '{log}', '*', 'event', 'x') | redis.call('GET', '{claim}')",
}
USERS = tuple(_COMMANDS)
SCRIPTING = tuple(_SCRIPTS)


def commands(user: str) -> list[list[str]]:
    """What ``user`` may not send, word by word."""
    return [shlex.split(each) for each in _parts(_COMMANDS[user])]


def scripts(user: str) -> list[str]:
    """What no script of ``user`` may do: it is asked for as if it were sent."""
    return _parts(_SCRIPTS[user])


def _parts(text: str) -> list[str]:
    for name, key in _NAMED.items():
        text = text.replace(f"{{{name}}}", key)
    return [each.strip() for each in re.split(r"[|\n]", text) if each.strip()]
