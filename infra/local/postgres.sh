#!/usr/bin/env bash
# A Postgres 17 with pgvector and a Redis for the tests, kept between runs.
set -euo pipefail
umask 022

help() {
  cat <<'END'
usage: infra/local/postgres.sh COMMAND

  start      start both, if they do not run; print the database's URL
  stop       stop both; their data stays
  url        print the database's URL
  redis-url  print Redis's URL; nothing if there is none

The first that works is used: the server at TEST_DATABASE_URL (and TEST_REDIS_URL); Docker;
a Debian of their own in a cache folder (needs root on Debian).
END
}

home="${EMBEDDINGS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/embedding-functions}/server"
root="$home/debian"
# A dropped test database would otherwise wait until all the others are on disk.
settings=(-c max_connections=500 -c shared_buffers=512MB -c max_wal_size=4GB -c fsync=off -c full_page_writes=off)

say() { echo "postgres.sh: $*" >&2; }

fail() {
  say "$*"
  say "To get a test database: set TEST_DATABASE_URL (Postgres with pgvector 0.8), or start Docker, or be root on Debian."
  exit 1
}

url() {
  local port
  port=$(saved_port postgres)
  echo "postgres://postgres@127.0.0.1:$port/postgres"
}

redis_url() {
  local port
  port=$(saved_port redis)
  echo "redis://127.0.0.1:$port"
}

saved_port() {
  cat "$home/$1.port" 2>/dev/null || {
    say "not started yet: run '$0 start' first."
    exit 1
  }
}

# The port used last time unless something else has taken it; below 32768, where outgoing connections do not land.
choose_port() {
  local port
  port=$(cat "$home/$1.port" 2>/dev/null || true)
  while [ -z "$port" ] || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((20000 + RANDOM % 12000))
  done
  echo "$port" >"$home/$1.port"
  echo "$port"
}

wait_for() { # NAME COMMAND...
  local i
  for ((i = 0; i < 300; i++)); do
    "${@:2}" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "$1 did not start."
}

# --- Docker

has_docker() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }
docker_postgres_up() { docker exec embeddings-test-postgres pg_isready -q -h 127.0.0.1; }
docker_redis_up() { docker exec embeddings-test-redis redis-cli ping; }

# A stopped container keeps its port, which may be taken by now; then it is made again.
docker_up() { # NAME INNER_PORT ARGS...
  local container="embeddings-test-$1"
  docker start "$container" >/dev/null 2>&1 && return
  docker rm -fv "$container" >/dev/null 2>&1 || true
  docker run -d --name "$container" -p "127.0.0.1:$(choose_port "$1"):$2" "${@:3}" >/dev/null || fail "Docker could not run $container."
}

start_docker() {
  if ! docker_postgres_up >/dev/null 2>&1; then
    docker_up postgres 5432 --shm-size=1g -e POSTGRES_HOST_AUTH_METHOD=trust pgvector/pgvector:0.8.0-pg17 "${settings[@]}"
    wait_for Postgres docker_postgres_up
  fi
  if ! docker_redis_up >/dev/null 2>&1; then
    docker_up redis 6379 redis:8.0.3
    wait_for Redis docker_redis_up
  fi
}

# --- A Debian of their own

inside() { # USER COMMAND...
  chroot --userspec="$1" "$root" /usr/bin/env -i LANG=C.UTF-8 HOME=/tmp \
    PATH=/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin "${@:2}" </dev/null 9>&-
}

debian_postgres_up() { inside postgres pg_isready -q -h 127.0.0.1 -p "$(saved_port postgres)"; }
debian_redis_up() { inside redis redis-cli -p "$(saved_port redis)" ping; }

make_debian() {
  local log="$home/install.log" draft="$root.new"
  say "installing Postgres and Redis into $root (once, about a minute)"
  discard "$draft"
  {
    { command -v debootstrap || { apt-get update && apt-get install -y --no-install-recommends debootstrap; }; } &&
      debootstrap --variant=minbase --include=postgresql-17-pgvector,redis-server trixie "$draft" &&
      root="$draft" inside postgres initdb -D /var/lib/postgresql/test -U postgres -A trust -E UTF8 --locale=C.UTF-8
  } >"$log" 2>&1 </dev/null 9>&- || {
    tail -n 20 "$log" >&2
    fail "installing failed; see $log."
  }
  # Only a finished folder gets the final name, so an interrupted one is made again.
  mv "$draft" "$root"
}

# An interrupted debootstrap leaves /proc mounted, which must not be deleted along.
discard() {
  awk -v under="$1/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf --one-file-system "$1"
}

start_debian() {
  [ "$(id -u)" = 0 ] && grep -qx 'ID=debian' /etc/os-release 2>/dev/null || fail "no test database."
  [ -d "$root" ] || make_debian
  if ! debian_postgres_up >/dev/null 2>&1; then
    # mmap, as there is no /dev/shm inside.
    inside postgres pg_ctl start -w -t 60 -D /var/lib/postgresql/test -l /var/lib/postgresql/test.log \
      -o "-p $(choose_port postgres) -c listen_addresses=127.0.0.1 -c dynamic_shared_memory_type=mmap ${settings[*]}" >/dev/null 2>&1 ||
      fail "Postgres did not start; see $root/var/lib/postgresql/test.log."
  fi
  if ! debian_redis_up >/dev/null 2>&1; then
    inside redis redis-server --daemonize yes --bind 127.0.0.1 --port "$(choose_port redis)" --save '' \
      --dir /var/lib/redis --logfile /var/lib/redis/test.log >/dev/null 2>&1 || fail "Redis did not start; see $root/var/lib/redis/test.log."
    wait_for Redis debian_redis_up
  fi
}

# ---

start() {
  mkdir -p "$home"
  exec 9>"$home/lock"
  if command -v flock >/dev/null; then flock 9; fi
  if has_docker; then start_docker; else start_debian; fi
  url
}

stop() {
  if has_docker; then docker stop embeddings-test-postgres embeddings-test-redis >/dev/null 2>&1 || true; fi
  [ -d "$root" ] || return 0
  inside postgres pg_ctl stop -w -m fast -D /var/lib/postgresql/test >/dev/null 2>&1 || true
  inside redis redis-cli -p "$(saved_port redis)" shutdown nosave >/dev/null 2>&1 || true
}

case "${TEST_DATABASE_URL:+given }${1:-}" in
  'given start' | 'given url') echo "$TEST_DATABASE_URL" ;;
  'given redis-url') if [ -n "${TEST_REDIS_URL:-}" ]; then echo "$TEST_REDIS_URL"; fi ;;
  'given stop') ;;
  start) start ;;
  stop) stop ;;
  url) url ;;
  redis-url) redis_url ;;
  help | 'given help') help ;;
  *)
    help >&2
    exit 2
    ;;
esac
