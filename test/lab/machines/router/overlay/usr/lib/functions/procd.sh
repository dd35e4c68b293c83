# Describes a service to procd in JSON: the procd_* functions that init scripts call.

PROCD_RELOAD_DELAY=1000
_procd_instances=
_procd_triggers=
_procd_number=0

procd_name() {
	local script
	script=$(readlink "$initscript")
	basename "${script:-$initscript}"
}

_procd_text() {
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"}
	printf '"%s"' "${text//	/\\t}"
}

# The words as the items of an array.
_procd_items() {
	local comma= word
	for word; do
		printf '%s%s' "$comma" "$(_procd_text "$word")"
		comma=', '
	done
}

_procd_table() {
	local comma= word
	for word; do
		printf '%s%s: %s' "$comma" "$(_procd_text "${word%%=*}")" "$(_procd_text "${word#*=}")"
		comma=', '
	done
}

procd_open_service() {
	_procd_service=$1
	_procd_script=$2
	_procd_instances=
	_procd_triggers=
	_procd_number=0
}

procd_close_service() {
	local json
	_procd_open_instance=
	service_triggers
	json="{ \"name\": $(_procd_text "$_procd_service")"
	[ -z "$_procd_script" ] || json="$json, \"script\": $(_procd_text "$_procd_script")"
	json="$json, \"instances\": { $_procd_instances }, \"triggers\": [ $_procd_triggers ] }"
	ubus call service "${1:-set}" "$json"
}

procd_open_instance() {
	_procd_number=$((_procd_number + 1))
	_procd_open_instance=${1:-instance$_procd_number}
	_procd_arrays=
	_procd_members=
}

_procd_member() {
	_procd_members="$_procd_members${_procd_members:+, }\"$1\": $2"
}

# Arrays and tables may grow by procd_append_param, so they are kept apart until the instance is closed.
procd_append_param() {
	local type=$1 old
	shift
	case $type in
	command | netdev | file | respawn | watch | watchdog | error) set -- "$(_procd_items "$@")" ;;
	env | data | limits) set -- "$(_procd_table "$@")" ;;
	nice | term_timeout) _procd_member "$type" "$1" ; return ;;
	reload_signal) _procd_member "$type" "$(kill -l "$1")"; return ;;
	stdout | stderr | no_new_privs)
		case $1 in 1 | true | on | yes) _procd_member "$type" true ;; *) _procd_member "$type" false ;; esac
		return ;;
	pidfile | user | group | facility | seccomp | capabilities) _procd_member "$type" "$(_procd_text "$1")"; return ;;
	*) return 0 ;;
	esac
	eval "old=\$_procd_of_$type"
	case " $_procd_arrays " in *" $type "*) ;; *) old=; _procd_arrays="$_procd_arrays $type" ;; esac
	[ -z "$old" ] || [ -z "$1" ] || old="$old, "
	eval "_procd_of_$type=\$old\$1"
}

procd_set_param() {
	local kept= type
	for type in $_procd_arrays; do [ "$type" = "$1" ] || kept="$kept $type"; done
	_procd_arrays=$kept
	procd_append_param "$@"
}

procd_close_instance() {
	local type value
	for type in $_procd_arrays; do
		eval "value=\$_procd_of_$type"
		[ "$type" != respawn ] || [ -n "$value" ] || value=$(_procd_items 3600 5 5)
		case $type in
		env | data | limits) _procd_member "$type" "{ $value }" ;;
		*) _procd_member "$type" "[ $value ]" ;;
		esac
	done
	_procd_instances="$_procd_instances${_procd_instances:+, }$(_procd_text "$_procd_open_instance"): { $_procd_members }"
	_procd_open_instance=
}

procd_add_instance() {
	procd_open_instance
	procd_set_param command "$@"
	procd_close_instance
}

# EVENT KEY VALUE COMMAND…: run the command when an event comes whose KEY is VALUE.
_procd_trigger() {
	local event=$1 key=$2 value=$3 json
	shift 3
	json="[ $(_procd_text "$event"), [ \"if\", [ \"eq\", \"$key\", $(_procd_text "$value") ], [ $(_procd_items run_script "$@") ] ]"
	[ "$PROCD_RELOAD_DELAY" -eq 0 ] || json="$json, $PROCD_RELOAD_DELAY"
	_procd_triggers="$_procd_triggers${_procd_triggers:+, }$json ]"
}

procd_open_trigger() { :; }
procd_close_trigger() { :; }
procd_add_validation() { :; }
procd_open_validate() { :; }
procd_close_validate() { :; }

procd_add_interface_trigger() {
	local event=$1 interface=$2
	shift 2
	_procd_trigger "$event" interface "$interface" "$@"
}

procd_add_reload_interface_trigger() {
	_procd_trigger 'interface.*' interface "$1" "/etc/init.d/$(procd_name)" reload
}

procd_add_config_trigger() {
	local event=$1 package=$2
	shift 2
	_procd_trigger "$event" package "$package" "$@"
}

procd_add_reload_trigger() {
	local package
	for package; do
		_procd_trigger config.change package "$package" "/etc/init.d/$(procd_name)" reload
	done
}

procd_add_raw_trigger() {
	local event=$1 delay=$2
	shift 2
	_procd_triggers="$_procd_triggers${_procd_triggers:+, }[ $(_procd_text "$event"), [ [ $(_procd_items run_script "$@") ] ], $delay ]"
}

procd_running() {
	local instance=*
	[ -z "$2" ] || [ "$2" = '*' ] || instance="'$2'"
	[ "$(ubus call service list "{ \"name\": \"$1\" }" | jsonfilter -l 1 -e "@['$1'].instances[$instance].running")" = true ]
}

procd_kill() {
	local json="{ \"name\": $(_procd_text "$1")"
	[ -z "$2" ] || json="$json, \"instance\": $(_procd_text "$2")"
	ubus call service delete "$json }"
}

procd_send_signal() {
	local json="{ \"name\": $(_procd_text "$1")" signal=$3
	[ -z "$2" ] || [ "$2" = '*' ] || json="$json, \"instance\": $(_procd_text "$2")"
	case $signal in [A-Z]*) signal=$(kill -l "$signal") || return 1 ;; esac
	[ -z "$signal" ] || json="$json, \"signal\": $signal"
	ubus call service signal "$json }"
}

procd_set_config_changed() {
	ubus call service event "{ \"type\": \"config.change\", \"data\": { \"package\": $(_procd_text "$1") } }"
}

procd_status() {
	local service=$1 instance=${2:-*} data state running=0 stopped=0
	data=$(ubus call service list "{ \"name\": \"$service\" }" | jsonfilter -e "@[\"$service\"]")
	[ -n "$data" ] || { echo inactive; return 3; }
	data=$(jsonfilter -s "$data" -e '$.instances')
	[ -n "$data" ] || { echo 'active with no instances'; return 0; }
	[ "$instance" = '*' ] || instance="\"$instance\""
	for state in $(jsonfilter -s "$data" -e "\$[$instance].running"); do
		case $state in true) running=$((running + 1)) ;; *) stopped=$((stopped + 1)) ;; esac
	done
	if [ $((running + stopped)) -eq 0 ]; then echo "unknown instance $instance"; return 4; fi
	if [ $running -eq 0 ]; then echo 'not running'; return 5; fi
	if [ $stopped -eq 0 ]; then echo running; else echo "running ($running/$((running + stopped)))"; fi
}
