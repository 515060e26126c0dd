#!/usr/bin/env bash
# One Kafka broker for tests: a single KRaft node on loopback.
#
#   kafka.sh fetch              put the broker's jars into .tools/kafka (safe to repeat); needs java and mvn
#   kafka.sh start DIR [PORT]   start it with its state in DIR (made if absent) on 127.0.0.1:PORT (9092), wait
#                               until it serves, print its address
#   kafka.sh run DIR [PORT]     the same in the foreground: this process becomes the broker
#   kafka.sh stop DIR           end it, and wait until it is gone
#
# DIR/extra.properties, if there, is appended to the broker's settings; its listener EXTRA then serves on
# PORT+2. DIR/scram, if there, has a line "name=x,password=y" for each user of SCRAM. PORT+1 is the
# controller's. $LOCKFORGE_KAFKA names another place for the jars.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
jars=${LOCKFORGE_KAFKA:-$root/.tools/kafka}
version=3.9.1
scala=2.13

die() { echo "kafka: $*" >&2; exit 1; }

fetch() {
  command -v java >/dev/null || die 'java is missing: install openjdk-17-jre-headless'
  [ -e "$jars/kafka_$scala-$version.jar" ] && return
  command -v mvn >/dev/null || die 'mvn is missing: install maven'
  echo "kafka: fetching the jars of $version" >&2
  local work
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lockforge</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_$scala</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/jars" >&2
  mkdir -p "$(dirname "$jars")"
  rm -rf "$jars"
  mv "$work/jars" "$jars" # whole or not at all
}

# What a small, quickly starting broker needs; it lives for seconds.
jvm=(-Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true)

prepare() {
  local dir=$1 port=$2 extra=
  mkdir -p "$dir"
  [ -e "$dir/extra.properties" ] && extra=",EXTRA://127.0.0.1:$((port + 2))"
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAIN
listeners=PLAIN://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))$extra
advertised.listeners=PLAIN://127.0.0.1:$port$extra
log.dirs=$dir/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
log.cleaner.backoff.ms=200
auto.create.topics.enable=false
PROPERTIES
  if [ -n "$extra" ]; then
    cat "$dir/extra.properties" >>"$dir/server.properties"
  else
    echo 'listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT' >>"$dir/server.properties"
  fi
  [ -e "$dir/data/meta.properties" ] && return
  local users=() user
  if [ -e "$dir/scram" ]; then
    while read -r user; do users+=(--add-scram "SCRAM-SHA-256=[$user]" --add-scram "SCRAM-SHA-512=[$user]"); done <"$dir/scram"
  fi
  java "${jvm[@]}" -cp "$jars/*" kafka.tools.StorageTool format -t bG9ja2ZvcmdlLXRlc3QtMQ -c "$dir/server.properties" "${users[@]}" >"$dir/format.log" 2>&1 ||
    die "formatting $dir/data: $(tail -5 "$dir/format.log")"
}

run() {
  echo "$BASHPID" >"$1/pid"
  exec java "${jvm[@]}" -cp "$jars/*" kafka.Kafka "$1/server.properties"
}

alive() { [ -e "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null && grep -q kafka.Kafka "/proc/$(cat "$1/pid")/cmdline" 2>/dev/null; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
  local dir=$1 port=$2
  if ! alive "$dir"; then
    prepare "$dir" "$port"
    (run "$dir" "$port") >>"$dir/log" 2>&1 </dev/null &
    for _ in $(seq 600); do
      listening "$port" && break
      sleep 0.1
    done
  fi
  listening "$port" || die "it does not serve on 127.0.0.1:$port: $(tail -5 "$dir/log")"
  echo "127.0.0.1:$port"
}

stop() {
  alive "$1" || return 0
  local pid
  pid=$(cat "$1/pid")
  kill "$pid"
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$1/pid"
}

case ${1-} in
fetch) fetch ;;
start) fetch && start "${2:?DIR}" "${3:-9092}" ;;
run) fetch && prepare "${2:?DIR}" "${3:-9092}" && run "$2" ;;
stop) stop "${2:?DIR}" ;;
*) sed -n '2,12p' "$0" >&2; exit 2 ;;
esac
