#!/bin/sh
# Starts the server of compose.yaml with the files of deploy/redis: the hashes of the users' passwords are
# filled into users.acl, and what is this container's own comes behind redis.conf. Options are handed on.
set -eu
umask 077
files=${REDIS_FILES:-/etc/redis} data=${REDIS_DATA:-/data} run=${REDIS_RUN:-/run/redis}

filled_in() {
  hash=$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)
  printf 's/\\${%s_SHA256}/%s/\n' "$1" "$hash"
}

{
  filled_in ADMIN "${REDIS_ADMIN_PASSWORD:?}"
  filled_in REPLICA "${REDIS_REPLICA_PASSWORD:?}"
  filled_in EXPORTER "${REDIS_EXPORTER_PASSWORD:?}"
  filled_in OPERATOR "${REDIS_OPERATOR_PASSWORD:?}"
  # One server alone: nobody copies it, and no sentinel watches it.
  echo '/\${[A-Z0-9_]*}/d'
} >"$run/fill.sed"
sed -f "$run/fill.sed" "$files/users.acl" >"$run/users.acl"

cat >"$run/redis.conf" <<END
include $files/redis.conf
# Only the services share this network; no port of it is published.
bind * -::*
dir $data
aclfile $run/users.acl
END
# What the server needs of them are the hashes.
unset REDIS_ADMIN_PASSWORD REDIS_REPLICA_PASSWORD REDIS_OPERATOR_PASSWORD
exec redis-server "$run/redis.conf" "$@"
