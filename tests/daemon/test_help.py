#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Each --help and its man page name the same options, in both directions.

usage: test_help.py TCMU-PRD TCMU-PR DOC-DIRECTORY
"""
import re
import subprocess
import sys

COMMON = {'--help', '--usage', '--version'}
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z-]*')
failed = 0


def help_options(*command):
    text = subprocess.run([*command, '--help'], check=True,
                          capture_output=True, text=True).stdout
    # Only where options are listed, not where a synopsis mentions them.
    lines = [line for line in text.splitlines()
             if re.match(r'\s+(-\S, )?--', line)]
    return {m for line in lines for m in OPTION.findall(line)[:1]}, text


def man_sections(path):
    """Section or subsection title to its text, without roff's escapes."""
    sections, title = {}, ''
    for line in open(path):
        line = re.sub(r'\\f.', '', line.rstrip('\n').replace('\\-', '-'))
        head = re.match(r'\.S[HS] "?([^"]*)"?$', line)
        if head:
            title = head[1]
        sections[title] = sections.get(title, '') + line + '\n'
    return sections


def man_options(section):
    lines = section.split('\n')
    tags = [lines[i + 1] for i, line in enumerate(lines[:-1])
            if line == '.TP']
    return {m for tag in tags for m in OPTION.findall(tag)[:1]}


def compare(what, shown, documented):
    global failed
    for option in sorted(shown ^ documented):
        where = '--help' if option in shown else 'the man page'
        print(f'{what}: {option} is only in {where}')
        failed = 1
    print(f'{what}: {len(shown & documented)} options agree')


def main():
    daemon, tool, doc = sys.argv[1:]
    page = man_sections(f'{doc}/tcmu-prd.8')
    compare('tcmu-prd', help_options(daemon)[0], man_options(page['OPTIONS']))

    page = man_sections(f'{doc}/tcmu-pr.8')
    shown, text = help_options(tool)
    compare('tcmu-pr', shown | {'--usage'}, man_options(page['OPTIONS']))
    names = re.findall(r'^  ([a-z]+) ', text, re.M)
    compare('subcommands', {'--' + name for name in names},
            {'--' + title for title in page if re.fullmatch('[a-z]+', title)})
    for name in names:
        shown, _ = help_options(tool, name)
        compare(f'tcmu-pr {name}', shown - COMMON,
                man_options(page.get(name, '')))
        compare(f'tcmu-pr {name} common', shown & COMMON, COMMON)
    sys.exit(failed)


main()
