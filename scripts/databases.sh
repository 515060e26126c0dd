#!/usr/bin/env bash
# Real MySQL (MariaDB) and PostgreSQL servers on loopback, from Debian's
# packages, for tests, the demo and trials. Run by root they run as nobody.
#
#   databases.sh install
#   databases.sh run   mysql|postgres DIR PORT   in the foreground, ends with its parent
#   databases.sh start mysql|postgres DIR PORT   in the background, until it answers
#   databases.sh stop  DIR
#
# DIR is made if absent and keeps the data. It gets a database "shop" with a
# user "shop", who owns it, and a table "orders". DATABASE_PASSWORD is the
# user's password: letters, digits, - and _.
set -euo pipefail

die() { echo "databases: $*" >&2; exit 1; }

as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid nobody --regid nogroup --clear-groups)
fi

mysql_server() { PATH=$PATH:/usr/sbin command -v mariadbd; }
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }

install() {
  local need=()
  # The -core packages have the programs alone: no service is started.
  mysql_server >/dev/null || need+=(mariadb-server-core mariadb-client-core)
  [ -n "$(postgres_bin)" ] || need+=(postgresql)
  command -v setpriv >/dev/null || need+=(util-linux)
  [ ${#need[@]} -gt 0 ] || return 0
  # Nor a cluster of PostgreSQL, which its package would make.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${need[@]}" >/dev/null
}

table='CREATE TABLE orders (id INTEGER PRIMARY KEY, customer VARCHAR(100), amount DECIMAL(12,2), changed TIMESTAMP NULL);'
rows="INSERT INTO orders VALUES (1, 'ada', 10.50, '2026-01-01 00:00:00'), (2, 'grace', 20.25, '2026-01-02 00:00:00'), (3, NULL, 0, NULL);"

init_mysql() {
  "${as[@]}" mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal \
    --skip-test-db >"$dir/init.log" 2>&1 || die "setting up MySQL: see $dir/init.log"
  "${as[@]}" "$(mysql_server)" --no-defaults --bootstrap --datadir="$dir/data" >>"$dir/init.log" 2>&1 <<SQL || die "filling MySQL: see $dir/init.log"
FLUSH PRIVILEGES;
DELETE FROM mysql.global_priv WHERE User = '';
CREATE DATABASE shop;
CREATE USER 'shop'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON shop.* TO 'shop'@'%';
USE shop;
$table
$rows
SQL
}

init_postgres() {
  "${as[@]}" tee "$dir/password" <<<"$password" >/dev/null # in a directory of mode 0700
  "${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A scram-sha-256 --pwfile="$dir/password" -E UTF8 --locale=C -N \
    >"$dir/init.log" 2>&1 || die "setting up PostgreSQL: see $dir/init.log"
  "${as[@]}" "$bin/postgres" --single -D "$dir/data" postgres >>"$dir/init.log" 2>&1 <<SQL || die "filling PostgreSQL: see $dir/init.log"
CREATE USER shop PASSWORD '$password'
CREATE DATABASE shop OWNER shop
SQL
  rm "$dir/password"
  "${as[@]}" "$bin/postgres" --single -D "$dir/data" shop >>"$dir/init.log" 2>&1 <<SQL || die "filling PostgreSQL: see $dir/init.log"
$table
$rows
ALTER TABLE orders OWNER TO shop
SQL
}

init() {
  [ -n "${DATABASE_PASSWORD:-}" ] || die "DATABASE_PASSWORD is not set"
  [[ $DATABASE_PASSWORD =~ ^[A-Za-z0-9_-]+$ ]] || die "DATABASE_PASSWORD may have letters, digits, - and _ only"
  password=$DATABASE_PASSWORD
  rm -rf "$dir/data"
  mkdir -p "$dir"
  [ ${#as[@]} -eq 0 ] || chown nobody:nogroup "$dir"
  chmod 700 "$dir"
  "init_$kind"
  "${as[@]}" touch "$dir/ready"
}

run() {
  bin=$(postgres_bin)
  case $kind in
    mysql) [ -n "$(mysql_server)" ] || die "MySQL is missing: run databases.sh install" ;;
    postgres) [ -n "$bin" ] || die "PostgreSQL is missing: run databases.sh install" ;;
    *) die "unknown kind $kind" ;;
  esac
  [ -e "$dir/ready" ] || init
  cd "$dir"
  # The change of user takes away the signal at the parent's death.
  case $kind in
    mysql)
      [ ${#as[@]} -eq 0 ] || as+=(--pdeathsig "${death:-TERM}")
      exec "${as[@]}" "$(mysql_server)" --no-defaults --datadir="$dir/data" --socket="$dir/s" --pid-file="$dir/server.pid" \
        --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --innodb-buffer-pool-size=32M --performance-schema=off ;;
    postgres)
      [ ${#as[@]} -eq 0 ] || as+=(--pdeathsig "${death:-INT}")
      exec "${as[@]}" "$bin/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$port" -c external_pid_file="$dir/server.pid" ;;
  esac
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

start() {
  if [ -e "$dir/server.pid" ] && kill -0 "$(head -1 "$dir/server.pid")" 2>/dev/null && answers; then
    return 0
  fi
  mkdir -p "$dir"
  (death=clear run) >"$dir/server.log" 2>&1 </dev/null &
  local server=$!
  for _ in $(seq 300); do
    answers && return 0
    kill -0 "$server" 2>/dev/null || die "$kind did not start: see $dir/server.log"
    sleep 0.2
  done
  die "$kind does not answer: see $dir/server.log"
}

stop() {
  [ -e "$dir/server.pid" ] || return 0
  local server
  server=$(head -1 "$dir/server.pid")
  kill -TERM "$server" 2>/dev/null || return 0
  for _ in $(seq 150); do
    kill -0 "$server" 2>/dev/null || return 0
    sleep 0.2
  done
  die "the server in $dir does not end"
}

case ${1:-} in
  install) install ;;
  run | start) [ $# -eq 4 ] || die "want: $1 mysql|postgres DIR PORT"; kind=$2 dir=$(realpath -m "$3") port=$4; "$1" ;;
  stop) [ $# -eq 2 ] || die "want: stop DIR"; dir=$(realpath -m "$2"); stop ;;
  *) die "want install, run, start or stop" ;;
esac
