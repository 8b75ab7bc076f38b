#!/bin/sh
# Unpacks Debian's saslauthd and the libraries it needs into .cache/peers/saslauthd, without installing anything: the
# package would start a daemon. Run it once, after apt-get update.
set -eu
target=$(cd "$(dirname "$0")/../.." && pwd)/.cache/peers/saslauthd
packages="sasl2-bin libsasl2-2 libsasl2-modules-db libdb5.3 libldap-2.5-0"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download $packages
mkdir -p "$target"
for deb in *.deb; do dpkg -x "$deb" "$target"; done
# Only programs and libraries are of use; documentation is not.
rm -rf "$target/usr/share"
triplet=$(uname -m)-linux-gnu
missing=$(LD_LIBRARY_PATH=$target/usr/lib/$triplet:$target/lib/$triplet \
  ldd "$target/usr/sbin/saslauthd" "$target/usr/sbin/saslpasswd2" | grep 'not found' | sort -u || true)
if [ -n "$missing" ]; then
  echo "libraries still missing:" "$missing" >&2
  exit 1
fi
echo "saslauthd is in $target"
