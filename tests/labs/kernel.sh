#!/bin/bash
# What the kernel, the wire and a node's shell decide: each such rule is provoked and must be in the
# database, tied to a frame where a frame caused it.
set -u
lab=kernel-rules
work=$(mktemp -d)
chmod 755 "$work"
trap 'timeout 30 labctl --lab $lab down >/dev/null 2>&1; rm -rf "$work"' EXIT
lc() { timeout 60 labctl --lab $lab "$@"; }
on() { timeout 60 labctl --lab $lab exec "$@"; }
for p in python3 ping; do
	command -v $p >/dev/null || { echo "$p is missing"; exit 77; }
done

cat >"$work/lab.yaml" <<'END'
name: kernel-rules
seed: 11
topology:
  nodes:
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.0.1.1 255.255.255.0
         ip access-group 101 in
        interface eth1
         ip address 10.0.2.1 255.255.255.0
        interface eth2
         ip address 10.0.3.1 255.255.255.0
        access-list 101 deny icmp any host 10.0.2.4
        access-list 101 permit ip any any
    sw1: { kind: switch }
    sw2: { kind: switch }
    sw3: { kind: switch }
    sw4: { kind: switch }
    h1: { kind: hub }
    pc1: { kind: pc, config: "interface eth0\n ip address 10.0.1.11 255.255.255.0\nip default-gateway 10.0.1.1" }
    pc2: { kind: pc, config: "interface eth0\n ip address 10.0.1.12 255.255.255.0\nip default-gateway 10.0.1.1" }
    pc3: { kind: server, config: "interface eth0\n ip address 10.0.2.3 255.255.255.0\nip default-gateway 10.0.2.1\nservice echo" }
    pc4: { kind: pc, config: "interface eth0\n ip address 10.0.2.4 255.255.255.0\nip default-gateway 10.0.2.1" }
    pc5: { kind: pc, config: "interface eth0\n ip address 10.0.3.5 255.255.255.0\nip default-gateway 10.0.3.1" }
    pc6: { kind: pc, config: "interface eth0\n ip address dhcp" }
  links:
    - endpoints: [ "pc1:eth0", "h1:1" ]
    - endpoints: [ "pc2:eth0", "h1:2" ]
    - endpoints: [ "h1:3", "sw1:1" ]
    - endpoints: [ "sw1:2", "r1:eth0" ]
    - endpoints: [ "r1:eth1", "sw2:1" ]
    - endpoints: [ "sw2:2", "pc3:eth0" ]
    - { endpoints: [ "sw2:3", "pc4:eth0" ], mtu: 1500 }
    - endpoints: [ "pc6:eth0", "sw2:4" ]
    - endpoints: [ "sw2:5", "sw3:1" ]
    - endpoints: [ "sw3:2", "sw4:1" ]
    - endpoints: [ "sw4:2", "sw2:6" ]
    - endpoints: [ "r1:eth2", "pc5:eth0" ]
      wire: { delay: 4ms, loss: 4%, duplicate: 5%, reorder: 8%, corrupt: 40%, rate: 2mbit, limit: 20 }
END

labctl up "$work/lab.yaml" || exit 1
sleep 7 # the three switches' spanning tree: listening and learning, 2 s each, and its hellos

lc run pc1 ping 10.0.2.3 2 # ARP, learn, flood, forward, echo
lc run pc1 ping 10.0.1.12 2 # beside it on the hub: same port for sw1, other host for r1
lc run pc1 tracert 10.0.2.3 >/dev/null
sleep 1.5 # the kernel tells one peer of errors once a second
lc run pc1 ping 10.99.0.1 1 # no route
lc run pc1 ping 10.0.2.99 1 # nobody there
lc run pc1 ping 10.0.2.4 1 # the access list
on pc1 bash -c 'echo x >/dev/udp/10.0.2.3/5555; echo x >/dev/tcp/10.0.2.3/81' 2>/dev/null
on r1 ip link set eth1 mtu 1300
on pc1 ping -c 1 -W 1 -M do -s 1400 10.0.2.3 >/dev/null
on r1 ip link set eth1 mtu 1500
on pc1 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 200)
s.sendto(b"hello, hello, hello", ("10.0.2.3", 0))'
# A host turns up at another port.
mac=$(on pc3 cat /sys/class/net/eth0/address 2>/dev/null || on pc3 ip -o link show eth0 | grep -oE 'ether [0-9a-f:]+' | cut -d' ' -f2)
on pc4 python3 - "$mac" <<'END'
import socket, sys
mac = bytes.fromhex(sys.argv[1].replace(":", ""))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(b"\xff" * 6 + mac + b"\x88\xb5" + bytes(46))
END
# More than a rule's limit, and a frame for the DHCP client with a wrong checksum.
on pc4 python3 - <<'END'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(1500):
    s.sendto(b"ping %d" % i, ("10.0.2.3", 7))
udp = struct.pack("!HHHH", 67, 68, 8 + 20, 0x1234) + bytes(20)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes([10, 0, 2, 4]), b"\xff" * 4)
total = sum(struct.unpack("!10H", ip))
total = (total & 0xffff) + (total >> 16)
ip = ip[:10] + struct.pack("!H", ~total & 0xffff) + ip[12:]
r = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
r.bind(("eth0", 0))
r.send(b"\xff" * 6 + b"\x02\0\0\0\0\x09" + b"\x08\x00" + ip + udp)
END
# Neighbour discovery.
on pc3 bash -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
on pc4 bash -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
sleep 2.5
a=$(on pc3 ip -6 -o addr show dev eth0 | grep -oE 'fe80[0-9a-f:]+' | head -n 1)
on pc4 ping -6 -c 1 -W 2 "$a%eth0" >/dev/null
# The bad line: enough frames of each kind that every checksum breaks.
on r1 ip neigh replace 10.0.3.5 lladdr "$(on pc5 ip -o link show eth0 | grep -oE 'ether [0-9a-f:]+' | cut -d' ' -f2)" dev eth2
on pc5 ip neigh replace 10.0.3.1 lladdr "$(on r1 ip -o link show eth2 | grep -oE 'ether [0-9a-f:]+' | cut -d' ' -f2)" dev eth0
on pc5 ping -c 60 -i 0.01 -W 1 10.0.3.1 >/dev/null
on pc5 python3 - <<'END'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(80):
    s.sendto(bytes(400), ("10.0.3.1", 9))
time.sleep(0.5)
for i in range(60):
    s.sendto(bytes(40), ("10.0.3.1", 7))
    time.sleep(0.004)
for i in range(60):
    t = socket.socket()
    t.setblocking(False)
    try:
        t.connect(("10.0.3.1", 9))
    except OSError:
        pass
    t.close()
    time.sleep(0.004)
END
# A router that does not forward says nothing.
on r1 bash -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
lc run pc3 ping 10.0.1.11 1 # from the side without an access list
sleep 4
lc run r1 write memory
lc run r1 reload
sleep 1.5
timeout 30 labctl --lab $lab run r1 show running-config | grep -q 'access-list 101' || { echo "r1 lost its configuration by reload"; exit 1; }
timeout 30 labctl --lab $lab down >/dev/null

db=$XDG_STATE_HOME/labd/$lab/latest/log.db
status=0
while read -r rule; do
	n=$(sqlite3 "$db" "SELECT count(*) FROM decision JOIN rule ON rule.id = rule WHERE name = '$rule'")
	[ "$n" -gt 0 ] || { echo "never taken: $rule"; status=1; }
done <<'END'
kernel.arp.drop-unanswered
kernel.arp.reply
kernel.bridge.consume
kernel.bridge.drop-not-forwarded
kernel.bridge.drop-same-port
kernel.bridge.flood
kernel.bridge.forward
kernel.bridge.learn
kernel.bridge.move
kernel.eth.drop-other-host
kernel.icmp.drop-bad-checksum
kernel.icmp.echo-reply
kernel.ip.drop-bad-checksum
kernel.ip.drop-host-unreachable
kernel.ip.drop-no-protocol
kernel.ip.drop-no-route
kernel.ip.drop-not-forwarded
kernel.ip.drop-prohibited
kernel.ip.drop-too-big
kernel.ip.drop-ttl-exceeded
kernel.ip.forward
kernel.nd.reply
kernel.tcp.drop-bad-checksum
kernel.tcp.reset-no-listener
kernel.udp.drop-bad-checksum
kernel.udp.drop-no-listener
shell.config.reload
shell.config.saved
shell.drop-frame
shell.rate-limit
wire.corrupt
wire.drop-lost
wire.drop-queue-full
wire.duplicate
wire.reorder
END
loose=$(sqlite3 "$db" "SELECT count(*) FROM decision JOIN rule ON rule.id = rule WHERE inferred AND packet IS NULL AND count = 1")
[ "$loose" = 0 ] || { echo "$loose inferred decisions name no packet"; status=1; }
exit $status
