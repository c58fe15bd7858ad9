#!/usr/bin/env bash
# The main job on one machine: cameras → edge → broker → centre → console on http://localhost:8080, until Ctrl-C.
#
#   make demo                        a simulated district: a jam, a fire, a flooded street, a camera that dies, a free road
#   make demo CAMERA=rtsp://…        your camera (user:password@ in the address is taken out and kept in a file only you can read)
#   make demo VIDEO=clip.mp4         your file, served as a camera over RTSP, again and again
#
# MATPHO_DEMO_TOKEN sets a token that scripts may use as `Authorization: Bearer`. State lies in var/demo.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${MATPHO_BIN:-target/release}
state=var/demo
http=http://localhost:8080
user=operator
password_file=$state/secrets/operator

fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }
[ -x "$bin/matpho-center" ] || fail "$bin/matpho-center is not built; run \`make demo\`"
umask 077
mkdir -p "$state/secrets" "$state/log"
secret() { [ -s "$1" ] || head -c 18 /dev/urandom | base64 | tr '+/' '-_' > "$1"; }
secret "$password_file"
if [ -n "${MATPHO_DEMO_TOKEN:-}" ]; then printf '%s\n' "$MATPHO_DEMO_TOKEN" > "$state/secrets/token"; else secret "$state/secrets/token"; fi

pids=()
stop() { trap - EXIT INT TERM; for ((i=${#pids[@]}-1; i>=0; i--)); do kill "${pids[i]}" 2>/dev/null && wait "${pids[i]}" 2>/dev/null; done; }
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start() { # name command…
  local name=$1; shift
  "$@" > "$state/log/$name.log" 2>&1 &
  pids+=($!)
}
await() { # what seconds command…
  local what=$1 seconds=$2; shift 2
  for ((n=0; n<seconds*5; n++)); do
    "$@" >/dev/null 2>&1 && return
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || fail "a program has ended; see $state/log: $(tail -n 3 "$state"/log/*.log)"; done
    sleep 0.2
  done
  fail "$what did not come within $seconds s; see $state/log"
}

# The centre, with a broker of its own, a user and an account for the gateway.
"$bin/matpho-center" user add "$user" --role admin --password-stdin --config configs/demo/center.toml < "$password_file" >/dev/null
"$bin/matpho-center" edge add demo/gw-01 --password-file "$state/secrets/broker" --config configs/demo/center.toml >/dev/null
start center "$bin/matpho-center" run --config configs/demo/center.toml
await "the centre" 30 curl -fsS "$http/healthz"

# The cameras.
edge_config=configs/demo/edge.toml
if [ -n "${CAMERA:-}" ]; then
  edge_config=$state/edge.toml
  python3 configs/demo/own_camera.py "$CAMERA" "$state" > "$edge_config"
elif [ -n "${VIDEO:-}" ]; then
  [ -r "$VIDEO" ] || fail "VIDEO=$VIDEO cannot be read"
  edge_config=$state/edge.toml
  start cameras "$bin/matpho-sim" cameras --clip "$VIDEO" --port 8554
  await "the camera" 60 grep -q '"ready":true' "$state/log/cameras.log"
  python3 configs/demo/own_camera.py "$(grep -o 'rtsp://[^" ]*' "$state/log/cameras.log" | head -n 1)" "$state" > "$edge_config"
else
  start cameras "$bin/matpho-sim" cameras tests/sim/scenarios/demo.toml --port 8554
fi

[ -n "${CAMERA:-}" ] || await "the cameras" 60 grep -q '"ready":true' "$state/log/cameras.log"

# The gateway.
start edge "$bin/matpho-edge" run --config "$edge_config"
await "the gateway" 60 curl -fsS http://127.0.0.1:9100/healthz

cat <<TEXT

  Mắt Phố is watching.      console   $http
                            name      $user
                            password  $(cat "$password_file")
  Scripts may use           curl -H "Authorization: Bearer $(cat "$state/secrets/token")" $http/api/v1/incidents
  Logs                      $state/log          Ctrl-C stops it all.
TEXT
[ -n "${CAMERA:-}${VIDEO:-}" ] || cat <<'TEXT'

  Within three minutes: a jam at Ngã tư Bến Gỗ, a fire at Chợ Cây Dừa, water on Đường ven rạch Cầu Đất, and Cầu Ông Năm falls silent.
TEXT
wait -n "${pids[@]}" || true
fail "a program has ended; see $state/log: $(tail -n 3 "$state"/log/*.log)"
