# The first process of the test bed: mounts what a program expects, runs $hwbed, says how it ended and switches off.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t configfs config /sys/kernel/config
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mkdir /run/tmp /run/home
stty -onlcr </dev/console
"$hwbed"
echo "the test bed ended: $?"
"$hwbed_python" -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
