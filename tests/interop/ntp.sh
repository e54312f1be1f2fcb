#!/bin/bash
# NTP: our clients follow chronyd, chronyd and ntpdig follow our server; with and without keys.
. "$(dirname "$0")/lib" || exit 1
need chronyd ntpdig

mkdir -p -m 750 "$S/run"
cat >"$S/chrony.keys" <<'KEYS'
1 MD5 ASCII:secret
2 SHA1 ASCII:another
3 MD5 ASCII:wrong
KEYS
printf '1 MD5 secret\n2 SHA1 another\n3 MD5 wrong\n' >"$S/ntpdig.keys"
cat >"$S/server.conf" <<CONF
local stratum 3
allow 10.8.0.0/24
keyfile $S/chrony.keys
bindcmdaddress $S/run/chrony.sock
cmdport 0
pidfile $S/run/chrony.pid
CONF

lab interop-ntp <<LAB
name: interop-ntp
seed: 9
epoch: 2025-05-05T05:05:05Z
topology:
  nodes:
    sw1: { kind: switch }
    chrony: { kind: linux, config: "interface eth0\n ip address 10.8.0.2 255.255.255.0" }
    user: { kind: linux, config: "interface eth0\n ip address 10.8.0.3 255.255.255.0" }
    plain: { kind: pc, config: "interface eth0\n ip address 10.8.0.11 255.255.255.0" }
    md5: { kind: pc, config: "interface eth0\n ip address 10.8.0.12 255.255.255.0\nntp authenticate\nntp trusted-key 1\nntp authentication-key 1 md5 secret" }
    sha1: { kind: router, config: "interface eth0\n ip address 10.8.0.13 255.255.255.0\nntp authenticate\nntp trusted-key 2\nntp authentication-key 2 sha1 another" }
    wrong: { kind: pc, config: "interface eth0\n ip address 10.8.0.14 255.255.255.0\nntp authenticate\nntp trusted-key 1\nntp authentication-key 1 md5 wrong" }
    srv:
      kind: server
      config: |
        interface eth0
         ip address 10.8.0.9 255.255.255.0
        ntp master 2
        ntp authentication-key 1 md5 secret
        ntp authentication-key 2 sha1 another
    lost: { kind: router, config: "interface eth0\n ip address 10.8.0.8 255.255.255.0\nntp server 10.8.0.99" }
  links:
    - { name: chrony, endpoints: [ "chrony:eth0", "sw1:1" ] }
    - { name: user, endpoints: [ "user:eth0", "sw1:2" ] }
    - { name: plain, endpoints: [ "plain:eth0", "sw1:3" ] }
    - { name: md5, endpoints: [ "md5:eth0", "sw1:4" ] }
    - { name: sha1, endpoints: [ "sha1:eth0", "sw1:5" ] }
    - { name: wrong, endpoints: [ "wrong:eth0", "sw1:6" ] }
    - { name: srv, endpoints: [ "srv:eth0", "sw1:7" ] }
    - { name: lost, endpoints: [ "lost:eth0", "sw1:8" ] }
LAB

# --- our clients, chronyd as the server ---
start chronyd chrony chronyd -d -x -u root -f "$S/server.conf"
serves() { on user ntpdig -t 1 10.8.0.2; }
check "chronyd serves" await 10 serves
configure() { printf 'configure terminal\n%s\nend\n' "$2" | timeout 5 labctl --lab "$lab_name" console "$1" >/dev/null; }
configure plain "ntp server 10.8.0.2"
configure md5 "ntp server 10.8.0.2 key 1"
configure sha1 "ntp server 10.8.0.2 key 2"
configure wrong "ntp server 10.8.0.2 key 1"
follows() { is_true "SELECT count(*) = 1 AS n FROM clock WHERE device = '$1' AND until IS NULL AND source = '10.8.0.2' AND stratum = 4"; }
# What its clock shows against that of the host, which chronyd hands on.
is_right() {
	is_true "SELECT abs(d.wall_ns - l.epoch_ns - d.time_ns - c.ahead) < 1000000000 AS n FROM clock c, lab l,
		(SELECT wall_ns, time_ns FROM decision ORDER BY id DESC LIMIT 1) d WHERE c.device = '$1' AND c.until IS NULL"
}
for device in plain md5 sha1; do
	check "$device follows chronyd" await 20 follows $device
	check "$device has the right time" is_right $device
done
same "plain: unsigned" "$(taken ntp.client.accept-auth plain)" 0
for device in md5 sha1; do
	check "$device: signed" [ "$(taken ntp.client.accept-auth $device)" -gt 0 ]
done
check "wrong asked" [ "$(taken ntp.client.sign-request wrong)" -gt 0 ]
same "wrong follows nobody" "$(sql "SELECT state AS n FROM clock WHERE device = 'wrong' AND until IS NULL")" unsynchronized
run md5 "show ntp associations" >"$S/associations"
has "show ntp associations" "$S/associations" '^\*~10\.8\.0\.2 +127\.127\.1\.1 +3 '
run sha1 "show clock detail" >"$S/clock"
has "show clock" "$S/clock" "^[0-9:.]{12} UTC [A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]+ $(date -u +%Y)$"
finish chronyd

# --- ntpdig and chronyd, our server: a clock of its own, in 2030 ---
run srv "clock set 12:00:00 1 june 2030" >/dev/null
dig() { on user ntpdig -t 2 -j "$@" >"$S/dig" 2>&1; }
check "ntpdig" dig 10.8.0.9
has "the time, stratum, leap" "$S/dig" '"time": ?"2030-06-01T12:00:.*"stratum": ?2, ?"leap": ?"no-leap"'
check "ntpdig, MD5" dig -a 1 -k "$S/ntpdig.keys" 10.8.0.9
has "the time" "$S/dig" '"time": ?"2030-06-01'
check "ntpdig, SHA-1" dig -a 2 -k "$S/ntpdig.keys" 10.8.0.9
dig -a 3 -k "$S/ntpdig.keys" 10.8.0.9
has_not "a key it does not know" "$S/dig" '2030'
dig 10.8.0.8
has_not "a server that follows nobody" "$S/dig" '"stratum": ?[1-9]'
wrong_by() { # SERVER LINE: how far the host's clock is from it, in s, as chronyd reckons
	on user chronyd -x -u root -t 8 -Q "pidfile $S/run/c.pid" "cmdport 0" "bindcmdaddress /" "keyfile $S/chrony.keys" \
		"maxdistance 16" "$1" 2>&1 | sed -n 's/.*System clock wrong by \(-\{0,1\}[0-9]*\)\..* seconds.*/\1/p'
}
in_2030() { local s=$(($(date +%s) + ${1:-0})); [ "${1:-0}" != 0 ] && [ "$(date -u -d "@$s" +%F)" = 2030-06-01 ]; }
check "chronyd" in_2030 "$(wrong_by "server 10.8.0.9 iburst maxsamples 1")"
check "chronyd, MD5" in_2030 "$(wrong_by "server 10.8.0.9 iburst maxsamples 1 key 1")"
for rule in reply sign-reply bad-mac; do
	check "ntp.server.$rule was taken" [ "$(taken ntp.server.$rule srv)" -gt 0 ]
done
check "ntp.server.unsynchronized was taken" [ "$(taken ntp.server.unsynchronized lost)" -gt 0 ]

judge "chrony user plain md5 sha1 wrong srv"
verdict
