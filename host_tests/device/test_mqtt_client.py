"""Our MQTT client and the TLS sockets under it, against a broker that answers from a list."""

import scripted
from locator.modem import ConnectionLost, ModemError, PdpError, sockets
from locator.session import mqtt
from raising import raises
from scripted import OK, line

CONNACK, SUBACK, PUBACK = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x00", b"\x40\x02\x00\x02"
HELLO = b"\x30\x09\x00\x04down\x68\x69\x21"


class Wire:
    """A socket whose other side has said `answers`, in pieces."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = b""
        self.buf = bytearray(1536)
        self.n = 0
        self.now = 0
        self.closed = False

    def ticks_ms(self):
        return self.now

    def open(self, host, port, ca):
        self.n = 0

    def send(self, *parts):
        self.sent += b"".join([bytes(part) for part in parts])

    def receive(self, timeout_ms):
        if not self.answers:
            self.now += timeout_ms
            return False
        data = self.answers.pop(0)
        self.buf[self.n : self.n + len(data)] = data
        self.n += len(data)
        return True

    def inbox(self):
        return self.buf, self.n

    def take(self, count):
        data = bytes(self.buf[:count])
        self.buf[: self.n - count] = self.buf[count : self.n]
        self.n -= count
        return data

    def close(self):
        self.closed = True


def connected(*answers):
    wire = Wire(CONNACK, *answers)
    client = mqtt.MqttClient(wire, wire)
    client.mqtt_open(b"h", 8883, b"lb-1", b"secret", b"ca")
    return client, wire


def test_bytes_of_a_session():
    client, wire = connected(SUBACK, PUBACK + HELLO)
    client.mqtt_subscribe(b"down")
    client.mqtt_publish(b"up", memoryview(b"\x00\xff"))
    assert client.mqtt_receive(1000) == b"hi!"
    client.mqtt_close()
    connect = b"\x10\x1e\x00\x04MQTT\x04\xc2\x00\x78\x00\x04lb-1\x00\x04lb-1\x00\x06secret"
    subscribe = b"\x82\x09\x00\x01\x00\x04down\x00"
    assert wire.sent == connect + subscribe + b"\x32\x08\x00\x02up\x00\x02\x00\xff" + b"\xe0\x00"
    assert wire.closed


def test_packets_in_any_pieces():
    for size in (1, 2, 5, 100):
        data = SUBACK + HELLO + PUBACK + HELLO
        client, _ = connected(*[data[i : i + size] for i in range(0, len(data), size)])
        client.mqtt_subscribe(b"down")
        client.mqtt_publish(b"up", b"x")
        assert client.mqtt_receive(1000) == client.mqtt_receive(1000) == b"hi!"
        assert client.mqtt_receive(1000) is None


def test_a_length_of_two_bytes():
    payload = bytes(range(256)) * 5
    client, _wire = connected(mqtt.head(0x30, 6 + len(payload)) + b"\x00\x04down" + payload)
    assert client.mqtt_receive(1000) == payload
    assert mqtt.head(0x32, 127) == b"\x32\x7f" and mqtt.head(0x32, 128) == b"\x32\x80\x01"
    assert mqtt.head(0x32, 16384) == b"\x32\x80\x80\x01"


def test_refusals():
    for answer in (b"\x20\x02\x00\x05", b"\x20\x01\x00", b"\x20\x00"):
        wire = Wire(answer)
        raises(ModemError, mqtt.MqttClient(wire, wire).mqtt_open, b"h", 1, b"d", b"p", b"ca")
    client, _ = connected(b"\x90\x03\x00\x01\x80")
    raises(ModemError, client.mqtt_subscribe, b"down")


def test_nonsense_of_a_hostile_broker_ends_the_connection():
    for evil in (
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\xff\xff\xff\x7f",  # 268 MB
        b"\x30\x80\x10",  # more than we hold
        b"\x30\x01\x00",  # no room for a topic
        b"\x30\x03\x00\x09a",  # a topic longer than its packet
        b"\x32\x06\x00\x01d\x00\x01x",  # the subscription is for QoS 0
        b"\x00\x00",
        b"\xf0\x00",
        b"\x20\x02\x00\x00",
    ):
        client, _ = connected(evil)
        raises(ModemError, client.mqtt_receive, 1000)


def test_silence_has_a_deadline():
    client, wire = connected()
    raises(ModemError, client.mqtt_publish, b"up", b"x")
    assert 20000 < wire.now < 30000


def test_acknowledgements_of_others_are_passed_over():
    client, _ = connected(b"\x40\x02\x00\x09" + b"\x40\x02\x00\x01")
    client.mqtt_publish(b"up", b"x")


def test_messages_that_are_not_read_are_bounded():
    client, _ = connected(HELLO * 9 + b"\x40\x02\x00\x01")
    client.mqtt_publish(b"up", b"x")
    assert [client.mqtt_receive(10) for _ in range(5)] == [b"hi!"] * 4 + [None]


def test_a_long_silence_is_broken_by_a_ping():
    client, wire = connected()
    assert client.mqtt_receive(200000) is None
    assert 2 <= wire.sent.count(b"\xc0\x00") <= 3


def bg95():
    driver, table = scripted.bg95()
    table.answers[b"+QIACT?"] = line(b'+QIACT: 1,1,1,"10.7.157.1"')
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    table.answers[b"+QSSLOPEN"] = OK + b"\r\n+QSSLOPEN: 0,0\r\n"
    table.answers[b"+QSSLSEND"] = b"\r\n> "
    table.answers[b"data"] = b"\r\nSEND OK\r\n"
    return driver, table


def sim7600():
    driver, table = scripted.sim7600()
    table.answers[b"+CCERTDOWN"] = table.answers[b"+CCHSEND"] = b"\r\n>"
    table.answers[b"+CCHSTART"] = OK + b"\r\n+CCHSTART: 0\r\n"
    table.answers[b"+CCHOPEN"] = OK + b"\r\n+CCHOPEN: 0,0\r\n"
    table.answers[b"+CCHCLOSE"] = table.answers[b"+CCHSTOP"] = b"\r\nERROR\r\n"
    return driver, table


def opened(made):
    driver, table = made
    socket = sockets.make(driver)
    socket.open(b"h", 8883, b"ca")
    table.data = b""
    return socket, table


def test_the_socket_of_the_bg95():
    socket, table = opened(bg95())
    assert b'+QSSLCFG="seclevel",1,1' in table.sent and b'+QSSLOPEN=1,1,0,"h",8883,0' in table.sent
    socket.send(b"abc", bytes(3000))
    assert table.data == b"abc" + bytes(3000)
    assert [one for one in table.sent if one.startswith(b"+QSSLSEND")] == [
        b"+QSSLSEND=0,1460",
        b"+QSSLSEND=0,1460",
        b"+QSSLSEND=0,83",
    ]
    payload = b"\r\nOK\r\n\x00+QSSLURC: 1"
    read = b"\r\n+QSSLRECV: %d\r\n%s\r\n\r\nOK\r\n" % (len(payload), payload)
    table.answers[b"+QSSLRECV"] = [read, line(b"+QSSLRECV: 0")]
    table.rx = b'\r\n+QSSLURC: "recv",0\r\n'
    assert socket.receive(1000)
    assert socket.take(socket.inbox()[1]) == payload
    assert not socket.receive(1000)
    table.rx = b'\r\n+QSSLURC: "closed",0\r\n'
    raises(ConnectionLost, socket.receive, 1000)


def test_the_socket_of_the_sim7600_whatever_the_order():
    payload = b"\r\nOK\r\n+CCHRECV: 0,0\r\n"
    data = b"\r\n+CCHRECV: DATA,0,%d\r\n%s\r\n" % (len(payload), payload)
    end = b"\r\n+CCHRECV: 0,0\r\n"
    for read in (data + end + OK, OK + data + end, data + OK + end):
        socket, table = opened(sim7600())
        table.answers[b"data"] = OK + b"\r\n+CCHSEND: 0,0\r\n"
        socket.send(bytes(1501))
        assert len(table.data) == 1501
        table.answers[b"+CCHRECV"] = [read, end + OK]
        table.rx = b"\r\n+CCHEVENT: 0,RECV EVENT\r\n"
        assert socket.receive(1000)
        assert socket.take(socket.inbox()[1]) == payload
        assert not socket.receive(1000)
        table.rx = b"\r\n+CCH_PEER_CLOSED: 0\r\n"
        raises(ConnectionLost, socket.receive, 1000)


def test_a_socket_that_does_not_open():
    driver, table = bg95()
    table.answers[b"+QSSLOPEN"] = OK + b"\r\n+QSSLOPEN: 0,566\r\n"
    assert raises(ModemError, sockets.make(driver).open, b"h", 1, b"ca").code == 566
    driver, table = sim7600()
    table.answers[b"+CCHSTART"] = OK + b"\r\n+CCHSTART: 2\r\n"
    table.answers[b"+CEER"] = line(b"+CEER: ESM cause 33")
    assert raises(PdpError, sockets.make(driver).open, b"h", 1, b"ca").code == 133


def test_a_send_that_fails():
    socket, table = opened(bg95())
    table.answers[b"data"] = b"\r\nSEND FAIL\r\n"
    raises(ModemError, socket.send, b"x")
    socket, table = opened(sim7600())
    table.answers[b"data"] = OK + b"\r\n+CCHSEND: 0,6\r\n"
    raises(ModemError, socket.send, b"x")


def test_afterwards_the_channel_is_as_before():
    for made in (bg95, sim7600):
        driver, table = made()
        at = driver.channel
        before = (at.unsolicited, at.raw_prefix, at.raw_commas)
        socket, _ = opened((driver, table))
        socket.close()
        assert (at.unsolicited, at.raw_prefix, at.raw_commas) == before and at.lost == ()
