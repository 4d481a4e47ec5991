#!/usr/bin/env bash
# Installs the clients that test.sh runs into a folder, pinned, and says what it installed.
# Usage: install.sh FOLDER. What is there already, of the same pins, is kept.
#
# From PyPI: awscli 1, boto3, deltalake, minio, polars, pyarrow, s3cmd. From npm: the AWS SDK for JavaScript. From the Go module
# proxy: the AWS SDK for Go, kopia. From Debian, as its release has them: awscli 2, chromium, docker-registry, rclone, restic, skopeo, and
# python3, node or go where there is none.
set -euo pipefail
FOLDER=$1
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GO_TOOLCHAIN=go1.25.0
KOPIA=github.com/kopia/kopia@v0.22.3
mkdir -p "$FOLDER"

say() { echo "clients: $*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

debian() {
  say "installing with apt-get: $*"
  command -v apt-get >/dev/null || { say "there is no apt-get; install these by hand: $*"; exit 1; }
  as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# need COMMAND PACKAGE...
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || debian "$@"
}

# pinned NAME FILE...: whether FOLDER/NAME was made of these files; forgets it when not.
pinned() {
  local name=$1 sum
  shift
  sum=$(cat "$@" | sha256sum)
  [ "$(cat "$FOLDER/$name.pin" 2>/dev/null)" = "$sum" ] && return 0
  rm -rf "${FOLDER:?}/$name" "$FOLDER/$name.pin"
  return 1
}

done_with() {
  local name=$1
  shift
  cat "$@" | sha256sum >"$FOLDER/$name.pin"
}

python_clients() {
  need python3 python3 python3-venv
  pinned python "$HERE/requirements.txt" && return
  python3 -m venv "$FOLDER/python" || { debian python3-venv && python3 -m venv "$FOLDER/python"; }
  "$FOLDER/python/bin/pip" install -q -r "$HERE/requirements.txt"
  done_with python "$HERE/requirements.txt"
}

js_client() {
  need npm nodejs npm
  pinned js "$HERE/js/package-lock.json" "$HERE/js/client.mjs" && return
  mkdir -p "$FOLDER/js"
  cp "$HERE"/js/* "$FOLDER/js/"
  npm ci --silent --no-audit --no-fund --prefix "$FOLDER/js"
  done_with js "$HERE/js/package-lock.json" "$HERE/js/client.mjs"
}

# A Go that is too old for the SDK fetches a newer one as a module by itself, from Go 1.21 on. Older: do it by hand.
find_go() {
  GO=go
  if ! command -v go >/dev/null || ! go version | grep -Eq 'go1\.(2[1-9]|[3-9][0-9])'; then
    GO=$FOLDER/toolchain/golang.org/toolchain@v0.0.1-$GO_TOOLCHAIN.linux-amd64/bin/go
    if [ ! -e "$GO" ]; then
      need unzip unzip
      need curl curl
      say "fetching $GO_TOOLCHAIN from the Go module proxy"
      curl -sSfo "$FOLDER/go.zip" "https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-$GO_TOOLCHAIN.linux-amd64.zip"
      unzip -q -o "$FOLDER/go.zip" -d "$FOLDER/toolchain"
      rm "$FOLDER/go.zip"
      chmod -R u+x "$(dirname "$GO")" "$(dirname "$GO")/../pkg/tool"
    fi
  fi
}

go_client() {
  pinned go "$HERE/go/main.go" "$HERE/go/go.sum" && return
  find_go
  mkdir -p "$FOLDER/go"
  (cd "$HERE/go" && "$GO" build -o "$FOLDER/go/client" .)
  done_with go "$HERE/go/main.go" "$HERE/go/go.sum"
}

# A minute or three of two cores. Its checksums are in its own go.sum, and its own in the checksum database.
kopia() {
  local source
  [ -x "$FOLDER/kopia/kopia" ] && [ "$(cat "$FOLDER/kopia.pin" 2>/dev/null)" = "$KOPIA" ] && return
  find_go
  say "building $KOPIA"
  source=$("$GO" mod download -json "$KOPIA" | python3 -c 'import json,sys; print(json.load(sys.stdin)["Dir"])')
  mkdir -p "$FOLDER/kopia"
  (cd "$source" && "$GO" build -o "$FOLDER/kopia/kopia" . 2>&1 | grep -v '^go: downloading' || true)
  [ -x "$FOLDER/kopia/kopia" ]
  echo "$KOPIA" >"$FOLDER/kopia.pin"
}

debian_clients() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  command -v rclone >/dev/null || missing+=(rclone)
  command -v restic >/dev/null || missing+=(restic)
  command -v skopeo >/dev/null || missing+=(skopeo)
  [ -x /usr/bin/aws ] || missing+=(awscli)
  command -v curl >/dev/null || missing+=(curl)
  [ ${#missing[@]} = 0 ] || debian "${missing[@]}"
}

# Unpacked, not installed: the package would start a registry as a service.
docker_registry() {
  [ -x "$FOLDER/registry/usr/bin/docker-registry" ] && return
  command -v apt-get >/dev/null || { say "there is no apt-get to get docker-registry with"; exit 1; }
  as_root apt-get update -qq
  mkdir -p "$FOLDER/registry"
  (cd "$FOLDER/registry" && apt-get download -qq docker-registry && dpkg -x docker-registry_*.deb . && rm docker-registry_*.deb)
}

python_clients
debian_clients
docker_registry
js_client
go_client
kopia

say "in $FOLDER and from the system:"
"$FOLDER/python/bin/pip" freeze | grep -E '^(awscli|boto3|botocore|awscrt|deltalake|minio|polars|pyarrow|s3cmd)==' | sed 's/^/  PyPI    /'
/usr/bin/aws --version 2>&1 | sed 's/^/  Debian  /'
chromium --version | sed 's/^/  Debian  /'
rclone version | sed -n '1s/^/  Debian  /p'
restic version | sed 's/^/  Debian  /'
skopeo --version | sed 's/^/  Debian  /'
"$FOLDER/registry/usr/bin/docker-registry" --version | sed 's/^/  Debian  /'
grep '"@aws-sdk' "$HERE/js/package.json" | sed 's/^ */  npm     /'
grep 'aws-sdk-go-v2/service/s3 ' "$HERE/go/go.mod" | sed 's/^\s*/  Go      /'
"$FOLDER/kopia/kopia" --version | sed 's/^/  Go      kopia /'
