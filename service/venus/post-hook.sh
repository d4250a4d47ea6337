#!/bin/sh
# Venus OS runs this at boot after it has unpacked venus-data.tar.gz from a USB stick or SD card to /data.
# What it did is written to a file on the stick. A smallbms.toml beside the archive is taken, if there is none yet.
incoming=/data/apps/dbus-smallbms-ng/incoming
stick=$(dirname "$(ls /media/*/venus-data*.tar.gz /media/*/venus-data*.tgz 2>/dev/null | head -n 1)")
[ -w "$stick" ] || stick=/data/log
{
    if [ "$1" = success ]; then
        archive=$(ls "$incoming"/*.tar.gz | head -n 1)
        set -- --yes --archive "$archive"
        [ -f "$stick/smallbms.toml" ] && set -- "$@" --config "$stick/smallbms.toml"
        tar xzf "$archive" -C "$incoming" && "$incoming"/*/install.sh install "$@"
    else
        echo "Venus OS could not unpack the archive: copy it to the stick again"
    fi
    rm -rf "$incoming"
} >"$stick/dbus-smallbms-ng-install.log" 2>&1
sync
