#!/bin/bash
# SNMP: net-snmp's tools ask our agent and set what it lets them set, and snmptrapd takes what it tells;
# our manager asks snmpd, and takes what snmptrap and snmpinform tell.
. "$(dirname "$0")/lib" || exit 1
need snmpget snmpgetnext snmpbulkget snmpwalk snmpbulkwalk snmpset snmptrap snmpinform snmptrapd snmpd

export MIBS= SNMP_PERSISTENT_DIR=$S/state
mkdir -p -m 777 "$S/state"

lab interop-snmp <<LAB
name: interop-snmp
seed: 9
topology:
  nodes:
    sw1: { kind: switch }
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.7.0.1 255.255.255.0
        interface eth1
         ip address 10.8.0.1 255.255.255.0
        access-list 10 permit 10.9.9.9
        snmp-server community public ro
        snmp-server community private rw
        snmp-server community far ro 10
        snmp-server community sys view s ro
        snmp-server view s system included
        snmp-server contact the people
        snmp-server host 10.7.0.2 version 1 one
        snmp-server host 10.7.0.2 version 2c two udp-port 1162
        snmp-server host 10.7.0.2 informs version 2c three udp-port 2162
        snmp-server host 10.7.0.3 version 2c four
        snmp-server enable traps snmp authentication linkdown linkup
        snmp-server proxy behind 10.7.0.2 public
    nms: { kind: linux, config: "interface eth0\n ip address 10.7.0.2 255.255.255.0" }
    pc: { kind: pc, config: "interface eth0\n ip address 10.8.0.2 255.255.255.0" }
    mgr: { kind: server, config: "interface eth0\n ip address 10.7.0.3 255.255.255.0\nsnmp-server manager\nip host agent 10.7.0.2" }
  links:
    - { name: r1, endpoints: [ "r1:eth0", "sw1:1" ] }
    - { name: nms, endpoints: [ "nms:eth0", "sw1:2" ] }
    - { name: mgr, endpoints: [ "mgr:eth0", "sw1:3" ] }
    - { name: pc, endpoints: [ "pc:eth0", "r1:eth1" ] }
LAB

# says TEXT REGEX PROGRAM ARG...: what a net-snmp program prints at the manager
says() {
	local text=$1 want=$2 program=$3
	shift 3
	on nms "$program" -On -r 1 -t 2 "$@" >"$S/said.$n_checks" 2>&1
	has "$program: $text" "$S/said.$n_checks" "$want"
}
A=10.7.0.1
SYS=1.3.6.1.2.1.1

# --- readings ---
says "a name" '^\.1\.3\.6\.1\.2\.1\.1\.5\.0 = STRING: "r1"$' snmpget -v2c -c public $A $SYS.5.0
says "in version 1" 'INTEGER: 1$' snmpget -v1 -c public $A 1.3.6.1.2.1.4.1.0
says "several" '^\.1\.3\.6\.1\.2\.1\.1\.4\.0 = STRING: "the people"$' snmpget -v1 -c public $A $SYS.5.0 $SYS.4.0
says "an exception" 'No Such Object' snmpget -v2c -c public $A 1.3.6.1.9.9.0
says "an error" 'noSuchName' snmpget -v1 -c public $A 1.3.6.1.9.9.0
says "a Counter64" 'Counter64: [0-9]+$' snmpget -v2c -c public $A 1.3.6.1.2.1.31.1.1.1.6.1
says "no Counter64 in version 1" 'noSuchName' snmpget -v1 -c public $A 1.3.6.1.2.1.31.1.1.1.6.1
says "the next" '^\.1\.3\.6\.1\.2\.1\.1\.1\.0 = STRING: "labd, router r1"$' snmpgetnext -v2c -c public $A 1.3
says "in bulk" '^\.1\.3\.6\.1\.2\.1\.2\.2\.1\.2\.2 = STRING: "eth1"$' snmpbulkget -v2c -c public -Cn0 -Cr2 $A 1.3.6.1.2.1.2.2.1.2
for version in 1 2c; do
	says "all, by version $version" '1\.3\.6\.1\.2\.1\.31\.1\.1\.1\.15\.2 = Gauge32: 1000$' snmpwalk -v$version -c public $A 1.3
done
says "all in bulk" '\.1\.3\.6\.1\.2\.1\.31\.1\.1\.1\.15\.2 = Gauge32: 1000$' snmpbulkwalk -v2c -c public $A 1.3
same "walks see the same names" \
	"$(cut -d' ' -f1 <"$S/said.$((n_checks - 2))" | grep -c '^\.1\.3\.6\.1\.2')" \
	"$(cut -d' ' -f1 <"$S/said.$((n_checks - 1))" | grep -c '^\.1\.3\.6\.1\.2')"
says "only the view" '^\.1\.3\.6\.1\.2\.1\.1\.7\.0 = INTEGER: 76$' snmpwalk -v2c -c sys $A 1.3
has_not "nothing else" "$S/said.$((n_checks - 1))" '\.1\.3\.6\.1\.2\.1\.[2-9]'
says "a neighbour" 'Hex-STRING: 02 ' snmpget -v2c -c public $A 1.3.6.1.2.1.4.22.1.2.1.10.7.0.2

# --- Set ---
says "two at once" '^\.1\.3\.6\.1\.2\.1\.1\.6\.0 = STRING: "rack 7"$' \
	snmpset -v2c -c private $A $SYS.4.0 s "somebody else" $SYS.6.0 s "rack 7"
run r1 "show running-config" >"$S/running"
has "it is in the configuration" "$S/running" '^snmp-server contact somebody else$'
says "a name" 'STRING: "r-one"' snmpset -v1 -c private $A $SYS.5.0 s r-one
says "the wrong type" 'wrongType' snmpset -v2c -c private $A $SYS.4.0 i 5
says "the wrong type in version 1" 'badValue' snmpset -v1 -c private $A $SYS.4.0 i 5
says "who may only read" 'noAccess' snmpset -v2c -c public $A $SYS.4.0 s x
says "what may only be read" 'notWritable' snmpset -v2c -c private $A $SYS.1.0 s x

# --- traps and informs ---
for row in one:162 two:1162 three:2162; do
	start "trapd-${row%:*}" nms snmptrapd -f -Lo -On -C -c /dev/null --disableAuthorization=yes "udp:10.7.0.2:${row#*:}"
done
listens() { [ "$(on nms grep -cE ':(00A2|048A|0872) ' /proc/net/udp)" = 3 ]; }
check "snmptrapd listens" await 10 listens
says "an interface down" 'INTEGER: 2' snmpset -v2c -c private $A 1.3.6.1.2.1.2.2.1.7.2 i 2
says "and up" 'INTEGER: 1' snmpset -v2c -c private $A 1.3.6.1.2.1.2.2.1.7.2 i 1
on nms snmpget -v2c -c wrong -r 0 -t 0.2 $A $SYS.5.0 >/dev/null 2>&1
on nms snmpget -v2c -c far -r 0 -t 0.2 $A $SYS.5.0 >/dev/null 2>&1
same "an access list" "$(taken snmp.agent.drop-unauthorized-manager r1)" 1
for name in one two three; do
	check "$name: authenticationFailure" await 10 grep -qE 'Authentication Failure|1\.3\.6\.1\.6\.3\.1\.1\.5\.5' "$S/trapd-$name.log"
	has "$name: link down" "$S/trapd-$name.log" 'Link Down|1\.3\.6\.1\.6\.3\.1\.1\.5\.3'
	has "$name: ifOperStatus" "$S/trapd-$name.log" '1\.3\.6\.1\.2\.1\.2\.2\.1\.8\.2 = INTEGER: 2'
	finish "trapd-$name" INT
done
answered() { [ "$(taken snmp.agent.inform-answered r1)" = 3 ]; }
check "the informs were acknowledged" await 5 answered

# --- our manager, snmpd ---
cat >"$S/snmpd.conf" <<CONF
agentAddress udp:10.7.0.2:161
rocommunity public
rwcommunity private
sysName theirs
sysContact them
CONF
start snmpd nms snmpd -f -Lo -C -c "$S/snmpd.conf" -p "$S/snmpd.pid"
listens() { on nms grep -q ':00A1 ' /proc/net/udp; }
check "snmpd listens" await 10 listens
# asks TEXT REGEX LINE: what our manager prints
asks() {
	run mgr "$3" >"$S/asked.$n_checks" 2>&1
	has "our manager: $1" "$S/asked.$n_checks" "$2"
}
asks "a name" '^sysName\.0 = STRING: theirs$' "snmp get agent public sysName.0"
asks "an exception" '^sysName\.7 = noSuchInstance$' "snmp get 10.7.0.2 public sysName.7"
asks "the next" '^sysContact\.0 = STRING: them$' "snmp getnext 10.7.0.2 public sysUpTime.0"
asks "in bulk" '^sysObjectID\.0 = OID: ' "snmp getbulk 10.7.0.2 public system 3"
asks "a walk" '^ipAdEntNetMask\.10\.7\.0\.2 = IpAddress: 255\.255\.255\.0$' "snmp walk 10.7.0.2 public ipAddrTable"
asks "a walk of everything" '^snmpInPkts\.0 = Counter32: ' "snmp walk 10.7.0.2 public mib-2"
asks "an error" 'notWritable|noAccess' "snmp set 10.7.0.2 private sysName.0 string ours"
asks "a walk of our agent" '^ipRouteDest\.10\.8\.0\.0 = IpAddress: 10\.8\.0\.0$' "snmp walk 10.7.0.1 public ip"
asks "a Set of our agent" '^sysLocation\.0 = STRING: rack 9$' "snmp set 10.7.0.1 private sysLocation.0 string rack 9"
check "the values are in the database" is_true "SELECT count(*) = 1 AS n FROM mib_value WHERE until IS NULL
	AND agent = '10.7.0.2' AND name = 'sysName.0' AND value = 'theirs' AND type = 'STRING'"
# Our router speaks version 1 with snmpd for those who speak 2c.
says "by a proxy" 'STRING: "theirs"$' snmpget -v2c -c behind $A $SYS.5.0
says "GetBulk by a proxy" '^\.1\.3\.6\.1\.2\.1\.1\.5\.0 = STRING: "theirs"$' snmpbulkwalk -v2c -c behind $A $SYS
says "an error by a proxy" 'noSuchName|does not exist|no such' snmpget -v2c -c behind $A 1.3.6.1.9.9.0
finish snmpd

# --- our receiver, snmptrap ---
TRAP="1.3.6.1.6.3.1.1.5"
M=10.7.0.3
check "snmptrap to the proxy" on nms snmptrap -v1 -c c0 $A 1.3.6.1.4.1.9.9 10.7.0.78 6 4 12345 1.3.6.1.2.1.2.2.1.1.4 i 4
check "snmptrap in version 1" on nms snmptrap -v1 -c c1 $M 1.3.6.1.4.1.9.9 10.7.0.77 6 3 12345 1.3.6.1.2.1.2.2.1.1.4 i 4
check "snmptrap in version 2c" on nms snmptrap -v2c -c c2 $M 12345 $TRAP.3 1.3.6.1.2.1.2.2.1.1.4 i 4
check "snmpinform is answered" on nms snmpinform -v2c -c c3 -r 1 -t 2 $M 12345 $TRAP.4 1.3.6.1.2.1.2.2.1.2.4 s eth3
is_told() { is_true "SELECT count(*) = 1 AS n FROM snmp_trap WHERE device = 'mgr' AND $1"; }
check "stored: version 1" await 5 is_told "community = 'c1' AND version = 'v1' AND agent = '10.7.0.77' AND trap = 'cisco.9.0.3'"
check "stored: version 2c" await 5 is_told "community = 'c2' AND how = 'trap' AND trap = 'linkDown' AND varbinds LIKE '%ifIndex.4 = 4'"
check "stored: what the proxy made of it" await 5 is_told "community = 'four' AND version = 'v2c' AND sender = '10.7.0.1'
	AND trap = 'cisco.9.0.4' AND varbinds LIKE '%1.3.6.1.6.3.18.1.3.0 = 10.7.0.78%'"
check "stored: the inform" await 5 is_told "community = 'c3' AND how = 'inform' AND trap = 'linkUp' AND varbinds LIKE '%ifDescr.4 = eth3'"

judge "r1 nms mgr"
verdict
