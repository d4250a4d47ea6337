# Sourced with $version, $config and $runtime before the main process starts. One that ended within a minute waits
# 1, 2, 5, 10, 30, then 60 s, or until its file is changed: another version or another file may do better.
start=$runtime/start # "<version> <failures in a row> <seconds of uptime at the last start> <fingerprint of the file>"

uptime_s() {
    read -r now _ </proc/uptime
    echo "${now%.*}"
}

# Not its time: without a network a GX may live in any year. The busybox of Venus OS has md5sum, and no cksum.
fingerprint() { md5sum 2>/dev/null <"$config" || echo none; }

last_version='' failures=-1 last_s=0 last_file=''
[ -f "$start" ] && read -r last_version failures last_s last_file <"$start"
if [ "$last_version" = "$version" ] && [ $(($(uptime_s) - last_s)) -lt 60 ]; then
    failures=$((failures + 1))
else
    failures=0
fi
case $failures in
    0) wait_s=0 ;;
    1) wait_s=1 ;;
    2) wait_s=2 ;;
    3) wait_s=5 ;;
    4) wait_s=10 ;;
    5) wait_s=30 ;;
    *) wait_s=60 ;;
esac
until_s=$(($(uptime_s) + wait_s))
while [ "$(uptime_s)" -lt "$until_s" ] && [ "$(fingerprint)" = "$last_file" ]; do
    sleep 1
done
echo "$version $failures $(uptime_s) $(fingerprint)" >"$start"
