#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The daemon and the tool as programs, without the kernel module.

usage: test_run.py TCMU-PRD TCMU-PR
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIP = 77
LIMIT = 60  # seconds
daemon, tool = sys.argv[1:]


class Gateway:
    def __init__(self, where, extra=''):
        self.where = where
        self.socket = f'{where}/sock'
        self.conf = f'{where}/conf'
        with open(self.conf, 'w') as out:
            out.write(f'gateway {{ name = gw1 }}\n'
                      f'store {{ path = "{where}" }}\n'
                      f'control {{ socket = "{self.socket}" }}\n{extra}')

    def start(self):
        return subprocess.Popen([daemon, '--foreground', '--config',
                                 self.conf], stderr=subprocess.PIPE, text=True)

    def wait(self):
        """Until somebody listens; a socket may be there before that."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as s:
                if not s.connect_ex(self.socket):
                    return
            time.sleep(0.02)
        sys.exit('the daemon does not listen')

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket)
            s.sendall(line.encode() + b'\n')
            return json.loads(s.makefile().readline())

    def tool(self, *args):
        return subprocess.run([tool, *args, '--socket', self.socket],
                              capture_output=True, text=True)


def expect(what, condition, *shown):
    if not condition:
        sys.exit(f'{what}: {shown}')
    print('ok:', what)


def test_requests(g):
    expect('mode of the socket', os.stat(g.socket).st_mode & 0o777 == 0o600)
    reply = g.ask('{"command":"list"}')
    expect('list', reply == {'gateway': 'gw1', 'connected': False,
                             'term': 0, 'lease_ms_left': 0,
                             'lease_reason': 'not connected to the kernel',
                             'devices': []}, reply)
    reply = g.ask('{"command":"gateways"}')
    expect('gateways', reply == {'gateway': 'gw1', 'connected': False,
                                 'term': 0, 'lease_ms_left': 0,
                                 'lease_reason': 'not connected to the kernel',
                                 'lease_ms': 15000, 'margin_ms': 2000,
                                 'gateways': [{
                                     'gateway': 'gw1', 'term': 0,
                                     'life': 'doubtful', 'quiet_ms': 0,
                                     'fenced': False}]}, reply)
    for line in ('', 'x', '[]', '{}', '{"command":1}', '{"command":"dance"}',
                 '{"command":"show"}', '{"command":"show","device":"none"}',
                 '{"command":"detach"}', '{"command":"attach"}',
                 '{"command":"repair"}', '{"command":"forget"}',
                 '{"command":"repair","device":"none","how":"empty"}',
                 '{"command":"forget","device":"none","gateway":"gw2"}'):
        reply = g.ask(line)
        expect(f'error for {line}', list(reply) == ['error'], reply)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(g.socket)
        try:
            s.sendall(b'x' * 10_000_000)
            left = s.recv(1)
        except (BrokenPipeError, ConnectionResetError):
            left = b''
        expect('an endless line is cut off', left == b'')


def test_tool(g):
    run = g.tool('list')
    expect('list of nothing', (run.returncode, run.stdout) == (0, ''), run)
    run = g.tool('list', '--json')
    expect('list as JSON', json.loads(run.stdout)['devices'] == [], run)
    run = g.tool('gateways')
    expect('gateways', run.stdout == 'gw1\t0\tdoubtful\t0\t-\t'
           'lease none: not connected to the kernel\n', run)
    run = g.tool('gateways', '--json')
    expect('gateways as JSON', json.loads(run.stdout)['term'] == 0, run)
    for args in (('show', 'none'), ('string', 'none'), ('detach', 'none'),
                 ('attach', 'user_0/none'), ('repair', 'none', '--empty'),
                 ('repair', 'none', '--adopt'),
                 ('forget', 'none', 'gw2', '--yes-it-is-off')):
        run = g.tool(*args)
        expect(f'{args[0]} fails', run.returncode == 1 and
               run.stderr.startswith('tcmu-pr: '), run)
    for args in ((), ('dance',), ('show',), ('show', 'a', 'b'),
                 ('list', 'a'), ('list', '--dance'), ('repair', 'a'),
                 ('repair', 'a', '--empty', '--last'), ('forget', 'a'),
                 ('repair', 'a', '--adopt', '--file=x'),
                 ('forget', 'a', 'b'),
                 ('forget', 'a', 'b', 'c', '--yes-it-is-off')):
        run = subprocess.run([tool, *args], capture_output=True, text=True)
        expect(f'usage error {args}', run.returncode == 2 and run.stderr, run)


def test_second(g):
    second = g.start()
    _, said = second.communicate(timeout=LIMIT)
    expect('no second daemon', second.returncode == 1 and
           'another tcmu-prd' in said, said)
    expect('and the first is still there', 'devices' in
           g.ask('{"command":"list"}'))


def test_stop(g, first):
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate(timeout=LIMIT)
    expect('SIGTERM', first.returncode == 0, first.returncode, said)
    expect('socket removed', not os.path.exists(g.socket))
    run = g.tool('list')
    expect('no daemon', run.returncode == 1 and 'systemctl' in run.stderr, run)


def test_stale_socket(g):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(g.socket)
    again = g.start()
    g.wait()
    expect('a stale socket is replaced', 'devices' in
           g.ask('{"command":"list"}'))
    again.send_signal(signal.SIGINT)
    _, said = again.communicate(timeout=LIMIT)
    expect('SIGINT', again.returncode == 0, said)


def test_bad_config(where):
    run = Gateway(where, 'colour = red\n').start()
    _, said = run.communicate(timeout=LIMIT)
    expect('bad configuration', run.returncode == 2 and ':4: ' in said, said)
    run = subprocess.run([daemon, 'operand'], capture_output=True, text=True)
    expect('daemon usage error', run.returncode == 2, run)


def test_no_store(where):
    """Without a store in the file, the devices tell; there are none."""
    g = Gateway(where)
    with open(g.conf, 'w') as out:
        out.write(f'control {{ socket = "{g.socket}" }}\n')
    run = g.start()
    said = run.stderr.readline()
    if 'built without Ceph' in said:
        expect('no store', run.wait(timeout=LIMIT) == 2, said)
        return
    expect('waits for a device', 'waiting for a TCMU device' in said, said)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=LIMIT)
    expect('SIGTERM while waiting', run.returncode == 0, run.returncode, said)


def main():
    if os.geteuid():
        sys.exit(SKIP)  # the socket answers to root only
    with tempfile.TemporaryDirectory() as where:
        g = Gateway(where)
        first = g.start()
        g.wait()
        test_requests(g)
        test_tool(g)
        test_second(g)
        test_stop(g, first)
        test_stale_socket(g)
        test_bad_config(where)
        test_no_store(where)


main()
