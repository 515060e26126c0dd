#!/usr/bin/env bash
# Installs the services that tests of the executor talk to: a Kafka broker,
# MySQL, PostgreSQL and moto. Safe to repeat. None is started here.
set -euo pipefail
cd "$(dirname "$0")"

need=()
command -v java >/dev/null || need+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || need+=(maven)
if [ ${#need[@]} -gt 0 ]; then
  echo "services: installing ${need[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi
./databases.sh install
./kafka.sh fetch
./moto.sh
