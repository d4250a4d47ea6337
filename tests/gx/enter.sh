#!/bin/sh
# In namespaces of its own: put a GX together at $1 and become its init.
# usage: enter.sh MOUNTPOINT LAYERS DATA DATA_OPTIONS STICK CABLE   (the last three may be empty)
set -e
root=$1
mount -t overlay -o "ro,lowerdir=$2" overlay "$root"
for place in dev run var/volatile; do mount -t tmpfs -o mode=0755 tmpfs "$root/$place"; done
case $4 in
    size=*) mount -t tmpfs -o "$4" tmpfs "$root/data" ;;
    *) mount --bind "$3" "$root/data" && mount -o "remount,bind,${4:-rw}" "$root/data" ;;
esac
mount -t proc proc "$root/proc"
cat /proc/sys/kernel/random/uuid >"$root/run/boot_id" # each boot is another
mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
for node in full null random tty urandom zero; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
if [ -n "$5" ]; then
    mkdir -p "$root/run/media/sda1"
    mount --bind "$5" "$root/run/media/sda1"
fi
if [ -n "$6" ]; then
    : >"$root/dev/ttyUSB0"
    mount --bind "$6" "$root/dev/ttyUSB0"
fi
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /sbin/init
