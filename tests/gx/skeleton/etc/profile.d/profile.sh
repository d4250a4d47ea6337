export PATH=/usr/sbin:/usr/bin:/sbin:/bin
