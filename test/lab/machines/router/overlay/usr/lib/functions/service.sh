# Start and stop of a daemon by an init script without procd.

service_start() {
	start-stop-daemon -S -q -b -m -p "${SERVICE_PID_FILE:-/var/run/${1##*/}.pid}" -x "$1" -- "${@:2}"
}

service_stop() {
	start-stop-daemon -K -q -p "${SERVICE_PID_FILE:-/var/run/${1##*/}.pid}" -x "$1"
}
