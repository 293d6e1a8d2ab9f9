#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Puts the deliberate bugs of bugs.txt into copies of the sources.

bugs.py --sources ROOT      names of the sources that there are
bugs.py ROOT OUT            writes the copies, sim_bugs.h and sim_bug_names.c

Each bug has a name, the mix that finds it, in how many seeds (for a rare one:
from which first one, instead of 1), and what it is.
Those of the product's sources say in which file which text is replaced by
which; that text has to be there exactly once, else this fails.  All bugs go
into one program, so the new text asks whether its bug is on: @BUG@ stands for
that.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent


def sources(root):
    """The engine's files, which the bugs can be in."""
    found = [*root.glob('daemon/engine*.c'), *root.glob('daemon/gateways*.c')]
    return sorted(path.name for path in found)


def parse():
    """The bugs, in order: a dictionary of each."""
    bugs = []
    for block in re.split(r'^bug ', (HERE / 'bugs.txt').read_text(),
                          flags=re.M)[1:]:
        name, _, rest = block.partition('\n')
        bug = {'name': name.strip(), 'edits': []}
        for key in ('what', 'mix', 'within'):
            match = re.search(rf'^{key}: (.*)$', rest, re.M)
            if not match:
                sys.exit(f'bugs.txt: {bug["name"]}: no {key}')
            bug[key] = match[1]
        match = re.search(r'^first: (.*)$', rest, re.M)
        bug['first'] = match[1] if match else '1'
        for match in re.finditer(r'^file: (\S+)\nold:\n(.*?)^new:\n(.*?)^end$',
                                 rest, re.M | re.S):
            bug['edits'].append(match.groups())
        bugs.append(bug)
    return bugs


def constant(bug):
    return 'BUG_' + bug['name'].upper().replace('-', '_')


def header(bugs):
    """sim_bugs.h"""
    lines = ['/* SPDX-License-Identifier: GPL-2.0-only */',
             '/* Made by bugs.py from bugs.txt. */',
             '#ifndef SIM_BUGS_H', '#define SIM_BUGS_H', '',
             'enum {', '\tBUG_NONE,']
    lines += [f'\t{constant(bug)},' for bug in bugs]
    lines += ['\tBUG_COUNT,', '};', '',
              'struct bug_name {', '\tconst char *name, *what;', '};', '',
              'extern const struct bug_name bug_names[];', '',
              '#ifdef TPR_BUGS', 'extern int sim_bug;',
              '#define bug(which) (sim_bug == (which))', '#else',
              '#define bug(which) 0', '#endif', '', '#endif', '']
    return '\n'.join(lines)


def names(bugs):
    """sim_bug_names.c"""
    lines = ['// SPDX-License-Identifier: GPL-2.0-only',
             '/* Made by bugs.py from bugs.txt. */',
             '#include "sim_bugs.h"', '',
             'const struct bug_name bug_names[] = {', '\t{"", ""},']
    lines += [f'\t{{"{bug["name"]}", "{bug["what"]}"}},' for bug in bugs]
    lines += ['};', '', '#ifdef TPR_BUGS', 'int sim_bug;', '#endif', '']
    return '\n'.join(lines)


def edit(text, bug, old, new):
    """@text with the bug in it, switched by sim_bug."""
    where = f'bugs.txt: {bug["name"]}'
    if text.count(old) != 1:
        sys.exit(f'{where}: the old text is there {text.count(old)} times')
    if '@BUG@' not in new:
        sys.exit(f'{where}: the new text does not ask if the bug is on')
    return text.replace(old, new.replace('@BUG@', f'bug({constant(bug)})'))


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    if sys.argv[1] == '--sources':
        print('\n'.join(sources(pathlib.Path(sys.argv[2]))))
        return
    root, out = map(pathlib.Path, sys.argv[1:3])
    bugs = parse()
    texts = {name: (root / 'daemon' / name).read_text()
             for name in sources(root)}
    for bug in bugs:
        for name, old, new in bug['edits']:
            if name not in texts:
                sys.exit(f'bugs.txt: {bug["name"]}: there is no {name}')
            texts[name] = edit(texts[name], bug, old, new)
    for name, text in texts.items():
        write(out / f'buggy_{name}', '#include "sim_bugs.h"\n' + text)
    write(out / 'sim_bugs.h', header(bugs))
    write(out / 'sim_bug_names.c', names(bugs))


if __name__ == '__main__':
    main()
