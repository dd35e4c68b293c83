# What scripts use of OpenWrt's shell library: reading UCI packages and lists of words.

N='
'

append() {
	local sep=${3:- } old
	eval "old=\$$1"
	eval "$1=\$old\${old:+\$sep}\$2"
}

list_contains() {
	local words word
	eval "words=\" \$$1 \""
	shift
	for word; do
		case $words in *" $word "*) ;; *) return 1 ;; esac
	done
}

# Each section calls config_cb TYPE NAME, each option option_cb NAME VALUE, if those are defined.
config_load() {
	CONFIG_SECTIONS=
	eval "$(/usr/lib/stand-in/uci-shell "$1")"
}

config_get() {
	local value
	case $# in
	2) eval "value=\$CONFIG_$1_$2"; echo "$value" ;;
	*) eval "$1=\${CONFIG_$2_$3-\$4}" ;;
	esac
}

config_get_bool() {
	local value
	config_get value "$2" "$3" "$4"
	case $value in
	1 | on | true | yes | enabled) eval "$1=1" ;;
	0 | off | false | no | disabled) eval "$1=0" ;;
	*) eval "$1=\$4" ;;
	esac
}

config_foreach() {
	local function=$1 type=$2 section of
	shift 2
	for section in $CONFIG_SECTIONS; do
		eval "of=\$CONFIG_${section}_TYPE"
		[ -n "$type" ] && [ "$type" != "$of" ] || "$function" "$section" "$@"
	done
}

config_list_foreach() {
	local section=$1 option=$2 function=$3 count item at=1
	shift 3
	eval "count=\${CONFIG_${section}_${option}_LENGTH:-0}"
	while [ $at -le $count ]; do
		eval "item=\$CONFIG_${section}_${option}_ITEM$at"
		"$function" "$item" "$@"
		at=$((at + 1))
	done
}

uci_get() { uci -q get "$1${2:+.$2}${3:+.$3}"; }
