#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The fence command of the lab's gateways: asks fence.py, on the host, to cut
# the power.  Exits 0 only if it is off.  In bash, for in a guest that has much
# else to do Python may take a minute to start.
#
#	fence.sh ADDRESS PORT GATEWAY TERM
exec 3<>"/dev/tcp/$1/$2" || exit 1
echo "$3 $4" >&3
read -r answer <&3
[ "$answer" = off ]
