#!/usr/bin/env bash
# tools/librdkafka.sh [FOLDER]: puts a newer librdkafka than Debian's into build/lib (or FOLDER), where
# the program finds it before the system's: for SCRAM with Kafka 4. It is the one inside the PyPI
# package confluent-kafka. To go back, remove the folder.
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
version=2.16.1
folder=${1:-$root/build/lib}
[ -e "$folder/.$version" ] && exit
install_packages librdkafka
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
say "installing librdkafka $version into $folder"
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q --disable-pip-version-check --no-deps \
    --target "$scratch/package" "confluent-kafka==$version" >&2
mkdir -p "$folder"
library=$(echo "$scratch"/package/confluent_kafka.libs/librdkafka-*.so.1)
install -m 644 "$library" "$folder/librdkafka.so.1.new"
mv "$folder/librdkafka.so.1.new" "$folder/librdkafka.so.1"
touch "$folder/.$version"
