# What the lives of both packages have in common. To be sourced, in the place that `run` makes.
# shellcheck shell=bash
set -eEuo pipefail
trap 'echo "$0:$LINENO: failed: $BASH_COMMAND" >&2; tail -n 20 /var/log/btrt/* >&2 || true' ERR
cd /run/life
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

configuration=/etc/btrt/btrt.conf
export pid_file=/run/btrt.pid

# Runs a command, which has to end with this code; what it prints is in $output.
expect() { # CODE COMMAND...
    local code=0
    output=$("${@:2}" 2>&1) || code=$?
    if [[ $code != "$1" ]]; then
        echo "$0:${BASH_LINENO[0]}: ${*:2}: exit code $code instead of $1" >&2
        echo "$output" >&2
        return 1
    fi
}

# What the last command printed has to contain this.
says() { # TEXT
    if [[ $output != *"$1"* ]]; then
        echo "$0:${BASH_LINENO[0]}: this does not say \"$1\": $output" >&2
        return 1
    fi
}

# Tries a command until it succeeds.
eventually() { # COMMAND...
    local deadline=$((SECONDS + 20))
    until "$@" &>/dev/null; do
        if ((SECONDS > deadline)); then
            echo "$0:${BASH_LINENO[0]}: not within 20 s: $*" >&2
            return 1
        fi
        sleep 0.05
    done
}

not() {
    ! "$@"
}

# A machine that has never seen BTRT, and subscribers of two networks.
prepare() {
    dpkg --purge btrt &>/dev/null || true
    userdel btrt &>/dev/null || true
    rm -rf /etc/btrt /var/log/btrt /var/lib/btrt /etc/default/btrt
    ip address add 10.1.0.1/32 dev lo
    ip address add 10.2.0.1/32 dev lo
}

# Writes the four lines that the README tells a provider to write.
configure() {
    awk '/^```/ { inside = $0 == "```yaml" && !done++; next } inside' README.md >"$configuration"
    [[ $(wc -l <"$configuration") == 4 ]]
    chown root:btrt "$configuration"
    chmod 640 "$configuration"
}

# The answer to a client at this address: a seeder if nothing is left.
announce() { # ADDRESS LEFT
    local torrent=info_hash=aaaaaaaaaaaaaaaaaaaa client=peer_id=-XX0001-00000000000$2
    curl --silent --fail --max-time 5 --interface "$1" \
        "http://127.0.0.1/announce?$torrent&$client&port=6881&left=$2&compact=0"
}

# Whether a leecher at 10.2.0.1 is told of the seeder at 10.1.0.1. Both addresses are private: only
# members of one group are told of each other.
is_told() {
    announce 10.2.0.1 1 | grep --quiet --text "2:ip8:10.1.0.1"
}

has_ended() { # PID
    ! grep --quiet --no-messages "^State:.[^ZX]" "/proc/$1/status"
}
