#!/bin/sh
echo "stop-tty.sh $*" >>/run/serial-starter.calls
