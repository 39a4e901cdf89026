#!/bin/sh
# sh tools/find-postgres.sh COMMAND [ARGUMENT...]
#
# Runs a command with SIMING_TEST_POSTGRES naming a PostgreSQL server of its own: a cluster in a temporary folder, reached
# by a socket in that folder and by no port, gone when the command ends. A server that the variable names already is used
# as it is. Where PostgreSQL is missing and apt may be used, install it; anywhere else say so and go on: the tests on
# PostgreSQL then skip with a reason.
set -u

find_programs() {
  for folder in $(pg_config --bindir 2>/dev/null) $(ls -d /usr/lib/postgresql/*/bin /usr/local/bin /opt/homebrew/bin 2>/dev/null | sort -rV); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then echo "$folder"; return; fi
  done
}

# PostgreSQL refuses to run as root.
unprivileged() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  # Elsewhere than in the caller's folder, which the other user may not be allowed to enter.
  (cd / && exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@")
}

install_it() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  echo "installing postgresql for the tests" >&2
  # Debian's package would make and start a cluster of its own.
  hint=/etc/postgresql-common/createcluster.d/siming-tests.conf
  mkdir -p "${hint%/*}" && echo "create_main_cluster = false" >"$hint"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
  rm -f "$hint"
}

if [ -n "${SIMING_TEST_POSTGRES:-}" ]; then exec "$@"; fi
programs=$(find_programs)
if [ -z "$programs" ]; then install_it; programs=$(find_programs); fi
if [ -z "$programs" ]; then
  echo "no PostgreSQL here: its tests will be skipped (on Debian: apt-get install postgresql)" >&2
  exec "$@"
fi

user=postgres
id "$user" >/dev/null 2>&1 || user=nobody
folder=$(mktemp -d "${TMPDIR:-/tmp}/siming-pg.XXXXXX")
if [ "$(id -u)" = 0 ]; then chown "$user" "$folder"; fi
stop() {
  unprivileged "$programs/pg_ctl" --pgdata "$folder/data" --mode immediate --wait stop >/dev/null 2>&1
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if unprivileged "$programs/initdb" --pgdata "$folder/data" --username siming --auth trust --encoding UTF8 --locale C \
    >"$folder.log" 2>&1 &&
  unprivileged "$programs/pg_ctl" --pgdata "$folder/data" --wait --timeout 60 --log "$folder/log" --options \
    "-c listen_addresses='' -c unix_socket_directories='$folder' -c max_connections=200" start >>"$folder.log" 2>&1
then
  SIMING_TEST_POSTGRES="postgresql+psycopg://siming@/postgres?host=$folder"
  export SIMING_TEST_POSTGRES
else
  echo "PostgreSQL in $programs does not start here; its tests will be skipped. It said:" >&2
  tail -5 "$folder.log" "$folder/log" >&2 2>/dev/null
fi
rm -f "$folder.log"
"$@"
exit $?
