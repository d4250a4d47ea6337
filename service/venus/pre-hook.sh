#!/bin/sh
# Venus OS runs this before it unpacks: nothing may be left of a stick before, that a power cut kept from being taken.
rm -rf /data/apps/dbus-smallbms-ng/incoming
