# shellcheck shell=bash
# What the scripts beside it share; not run by itself. Kept to bash 3.2, which macOS has.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Where cargo puts what it builds.
target=${CARGO_TARGET_DIR:-$root/target}
# Where bin/ci puts the tools that the machine has not.
tools=$root/.dev/tools-$(cksum <"$root/bin/tools.txt" | cut -d' ' -f1)
PATH=$PATH:$tools/bin

say() { printf '%s\n' "$*" >&2; }
die() { say "bin/${0##*/}: $*"; exit 1; }

# The usage is the comment at the head of the script.
usage() { sed -n '2,/^$/ s/^# \{0,1\}//p' "$0"; }

# as_root SHELL_COMMAND: asks first, unless nobody is there to be asked.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    sh -c "$1"
  elif [ "${CI:-}" = true ]; then
    sudo -n sh -c "$1"
  else
    command -v sudo >/dev/null || die "this needs root. As root, run \`$1\`, then start again."
    [ -t 0 ] || die "this needs your password. In a terminal, run \`sudo sh -c '$1'\`, then start again."
    local answer
    printf "May I run \`sudo sh -c '%s'\`? [y/N] " "$1" >&2
    read -r answer
    case $answer in y | Y | yes) sudo sh -c "$1" ;; *) die "nothing was changed. Run it yourself, then start again." ;; esac
  fi
}

# install_package WHAT APT_NAME BREW_NAME
install_package() {
  say "$1 is missing; installing it."
  if command -v apt-get >/dev/null; then
    as_root "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $2" >&2 ||
      die "apt-get could not install $2; its message is above. Install it yourself and start again."
  elif command -v brew >/dev/null; then
    brew install "$3" >&2 || die "brew could not install $3; its message is above. Install it yourself and start again."
  else
    die "$1 is missing, and I know only apt and brew. Install it and start again."
  fi
  hash -r
}

# Whether packages can be installed here.
can_install() { command -v apt-get >/dev/null || command -v brew >/dev/null; }

# Finds docker compose, the new one or the old one, with an engine that answers: docker_compose runs it then.
find_compose() {
  docker version >/dev/null 2>&1 || return 1
  if docker compose version >/dev/null 2>&1; then
    docker_compose() { docker compose "$@"; }
  elif command -v docker-compose >/dev/null; then
    docker_compose() { docker-compose "$@"; }
  else
    return 1
  fi
}

# need COMMAND APT_NAME BREW_NAME
need() { command -v "$1" >/dev/null || install_package "$@"; }

need_rust() {
  command -v cargo >/dev/null || PATH=$HOME/.cargo/bin:$PATH
  command -v cargo >/dev/null ||
    die "Rust is missing. Install rustup (https://rustup.rs), open a new terminal and start again."
  need cc build-essential gcc
}

# want_browser: Chromium and a Korean font, for the test that looks at the pages; without them it says that it is skipped.
want_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    ! command -v "$name" >/dev/null || return 0
  done
  command -v apt-get >/dev/null || { say 'SKIPPED: there is no Chromium, so no test looks at the pages.'; return; }
  say 'Chromium is missing; installing it.'
  (as_root 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-nanum' >&2) ||
    say 'Chromium could not be installed: no test looks at the pages.'
}

# need_disk GIGABYTES
need_disk() {
  local free
  free=$(df -Pk "$root" | awk 'NR == 2 { print int($4 / 1024 / 1024) }')
  [ "$free" -ge "$1" ] ||
    die "only $free GB are free where $root lies, and $1 are needed. Free some (\`cargo clean\` gives back old builds) and start again."
}

# need_build_disk: a first build takes about 5 GB, later ones little.
need_build_disk() { if [ -d "$target/debug" ]; then need_disk 1; else need_disk 6; fi; }

# listening HOST PORT
listening() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# need_port ADDRESS SETTING
need_port() {
  local host=${1%:*}
  case $1 in *:*) ;; *) die "$2 must be HOST:PORT, and is $1." ;; esac
  case $host in 0.0.0.0 | '[::]') host=127.0.0.1 ;; esac
  ! listening "$host" "${1##*:}" ||
    die "port ${1##*:} is taken (\`lsof -i :${1##*:}\` tells by whom; another bin/dev?). Stop that, or set $2 to another address, such as $host:$((${1##*:} + 100))."
}

# Settings from .env, where one was made from .env.example; what the environment has already goes first.
load_env() {
  local name value
  [ -f "$root/.env" ] || return 0
  while IFS='=' read -r name value || [ -n "$name" ]; do
    case $name in NBBANG_*) [ -n "${!name+set}" ] || export "$name=$value" ;; esac
  done <"$root/.env"
}

# start COMMAND...: in a process group of its own, so that Ctrl-C does not reach it and stop_all can end it in order.
start() {
  set -m
  "$@" </dev/null &
  started+=($!)
  set +m
}

# await URL NAME [CURL_OPTION]: until what was started last answers, for half a minute.
await() {
  local last=${started[$((${#started[@]} - 1))]}
  for _ in $(seq 150); do
    if curl --silent --output /dev/null --max-time 2 ${3:+"$3"} "$1"; then return; fi
    kill -0 "$last" 2>/dev/null || die "$2 did not start; the reason is above or in its log."
    sleep 0.2
  done
  die "$2 does not answer at $1 after 30 seconds."
}

# The server first, since it still talks to the simulator while it ends; each has 15 seconds.
stop_all() {
  local status=$? i pid
  trap '' INT TERM HUP
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    pid=${started[$i]}
    kill -TERM "$pid" 2>/dev/null || continue
    for _ in $(seq 75); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
  exit "$status"
}
