#!/bin/sh
# Venus OS runs this at boot after it has unpacked venus-data.tar.gz from a USB stick or SD card to /data.
# What it did is written to a file on the stick, to /data/log if that is write-protected. A smallbms.toml beside the
# archive is taken, if there is none yet.
# It does not hold up the boot: an upgrade waits for the version that is there, which judges the new one.
incoming=/data/apps/dbus-smallbms-ng/incoming
stick=$(dirname "$(ls /media/*/venus-data*.tar.gz /media/*/venus-data*.tgz 2>/dev/null | head -n 1)")
log=$stick/dbus-smallbms-ng-install.log
( : >>"$log" ) 2>/dev/null || log=/data/log/dbus-smallbms-ng-install.log
{
    if [ "$1" = success ]; then
        set -- "$incoming"/*.tar.gz
        [ -f "$stick/smallbms.toml" ] && set -- "$@" --config "$stick/smallbms.toml"
        tar xzf "$1" -C "$incoming" && "$incoming"/*/install.sh stick "$@"
    else
        echo "Venus OS could not unpack the archive: copy it to the stick again"
    fi
    rm -rf "$incoming"
    sync
} >"$log" 2>&1 &
