#!/bin/sh
# Make this overlay's secrets, anew each time: the three *.env files beside this script.
set -eu
cd "$(dirname "$0")"
umask 077
secret() { openssl rand -hex 32; }
redis=$(secret) chat=$(secret)
url="redis://:$redis@promptcast-redis:6379/0"

echo "REDIS_PASSWORD=$redis" >redis.env
printf 'REDIS_URL=%s\nPROMPTCAST_CHAT_KEY=%s\n' "$url" "$chat" >chat.env
{
  cat chat.env
  echo "PROMPTCAST_ADMIN_KEY=$(secret)"
} >admin.env
