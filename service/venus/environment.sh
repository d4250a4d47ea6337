# Sourced with $version, the directory of the version that is to run: where its code is, and Victron's own limits.
# It names that directory and not the link to it, so that what runs never loads parts of another version.
[ -f /etc/profile.d/profile.sh ] && . /etc/profile.d/profile.sh
export PYTHONPATH="$version/service:$version/ext:$version/lib"
export MALLOC_ARENA_MAX=1 # an arena for each thread would eat up the address space

runtime=/run/smallbms
case $(uname -m) in
    armv7l) address_space=100000000 ;;
    *) address_space=400000000 ;; # the same process takes more of it on 64 bit
esac
limited() { exec softlimit -d 100000000 -s 1000000 -a "$address_space" "$@"; }
