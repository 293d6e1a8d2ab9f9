#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""tcmu-pr decode: what it prints, and where it finds an error.

usage: test_decode.py TCMU-PR
"""
import json
import subprocess
import sys
import tempfile

tool = sys.argv[1]

LINES = '''vers=1
seq=2
scsi2_rsv=none
gen=1
rsv=5 0
num_regs=2
aptpl=1
device=serial-1
num_changes=2
change=2 reserve gw1 0x00000000000000aa 7 0x00000000000000c3 21 4 iqn.c,i,0x00023d000003 iqn.t,t,0x0003 5 3
change=1 create gw2 0x00000000000000bb 0 none
reg=0x00000000000000a1 iqn.a,i,0x00023d000001 iqn.t,t,0x0001 5 1
reg=0x00000000000000b2 iqn.b,i,0x00023d000002 * 5 2
'''

SPC2 = '''vers=1
seq=1
scsi2_rsv=gw7 iqn.h,i,0x00023d000001 iqn.t,t,0x0001 5 1
gen=0
rsv=none
num_regs=0
aptpl=0
device=serial-2
num_changes=1
change=1 create gw2 0x00000000000000bb 0 none
'''


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def seal(text):
    return text + f'crc32c=0x{crc32c(text.encode()):08x}\n'


def decode(text, *args):
    return subprocess.run([tool, 'decode', '-', *args], input=text,
                          capture_output=True, text=True)


def expect(what, condition, run):
    if not condition:
        sys.exit(f'{what}: {run}')
    print('ok:', what)


def main():
    good = seal(LINES)
    run = decode(good)
    for part in ('Serial number: serial-1', 'Version:       2', 'Generation:',
                 'Write Exclusive, Registrants Only', '0x00000000000000a1',
                 'iqn.a,i,0x00023d000001 to iqn.t,t,0x0001', ', holder',
                 'all target ports', '2 reserve by gw1', 'APTPL=1',
                 'of iqn.c,i,0x00023d000003 to iqn.t,t,0x0003',
                 'key 0x00000000000000c3, scope 1, type 5, flags 0x04'):
        expect(f'prints {part}', run.returncode == 0 and part in run.stdout,
               run)
    run = decode(good, '--json')
    state = json.loads(run.stdout)
    expect('JSON', state['seq'] == 2 and state['generation'] == 1 and
           state['reservation']['type'] == 5 and
           state['reservation']['holder'] == 0 and
           state['registrations'][0]['key'] == '0x00000000000000a1' and
           state['registrations'][1]['target_port'] is None and
           state['changes'][1]['action'] == 'create' and
           state['changes'][1]['order'] is None and
           state['spc2_reservation'] is None, run)
    order = state['changes'][0]['order']
    expect('JSON of an order', (
        order['service_action_key'], order['scope'], order['type'],
        order['flags'], order['initiator_port'], order['target_port'],
        order['relative_target_port']) == (
        '0x00000000000000c3', 1, 5, 4, 'iqn.c,i,0x00023d000003',
        'iqn.t,t,0x0003', 3), run)
    run = decode(seal(SPC2))
    expect('SPC-2', 'SPC-2 holder:  iqn.h,i,0x00023d000001 to iqn.t,t,0x0001,'
           ' at gateway gw7' in run.stdout, run)
    run = decode(seal(SPC2), '--json')
    spc2 = json.loads(run.stdout)['spc2_reservation']
    expect('JSON of SPC-2', spc2['gateway'] == 'gw7' and
           spc2['initiator_port'] == 'iqn.h,i,0x00023d000001', run)

    with tempfile.NamedTemporaryFile('w') as out:
        out.write(good)
        out.flush()
        run = subprocess.run([tool, 'decode', out.name], capture_output=True)
        expect('a file', run.returncode == 0, run)

    bad = seal(LINES.replace('aptpl=1', 'aptpl=2'))
    run = decode(bad)
    expect('names the line', run.returncode == 1 and
           run.stderr.startswith('-:7: ') and not run.stdout, run)
    for what, text in (('empty', ''), ('CRC', LINES + good[len(LINES):-2] +
                                       ('0\n' if good[-2] != '0' else '1\n')),
                       ('truncated', good[:-20]), ('more', good + 'x\n'),
                       ('binary', '\x01' * 100),
                       ('count', seal(LINES.replace('num_regs=2',
                                                    'num_regs=9999')))):
        run = decode(text)
        expect(f'refuses {what}', run.returncode == 1 and
               run.stderr.startswith('-:'), run)
    run = subprocess.run([tool, 'decode', '/nonexistent'],
                         capture_output=True, text=True)
    expect('no file', run.returncode == 1 and 'No such file' in run.stderr,
           run)


main()
