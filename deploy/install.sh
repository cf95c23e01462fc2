#!/bin/sh
# Puts the program and what belongs to it in place; needs no network. As root: ./install.sh
# 以 root 执行，无需联网。DESTDIR=目录 时只安装到该目录，不建账号。
#
# Nothing of a site is touched: configuration, keys and data stay as they are. Run again for an update; the program of before
# stays beside the new one as chaobiao.before.
set -eu
# What is installed is for everybody to read, however careful root's own setting is.
umask 022

cd "$(dirname "$0")"
fail() { echo "install.sh: $1" >&2; exit 1; }
sha256sum --quiet -c SHA256SUMS || fail "a file is not as it was packed: nothing was installed  文件校验不符，未安装"
./chaobiao --version >/dev/null || fail "the program does not run on this machine: nothing was installed  程序无法在本机运行，未安装"

to=${DESTDIR-}
if [ -z "$to" ]; then
    [ "$(id -u)" -eq 0 ] || fail "must be run as root  须以 root 执行"
    id chaobiao >/dev/null 2>&1 || useradd --system --home-dir /var/lib/chaobiao --shell /usr/sbin/nologin chaobiao
    install -d -o chaobiao -g chaobiao -m 0750 /var/lib/chaobiao /etc/chaobiao
fi
bin=$to/usr/local/bin
install -d "$bin" "$to/usr/share/chaobiao" "$to/usr/share/doc/chaobiao" "$to/etc/systemd/system" "$to/etc/udev/rules.d"
if [ -e "$bin/chaobiao" ] && ! cmp -s chaobiao "$bin/chaobiao"; then
    cp -p "$bin/chaobiao" "$bin/.chaobiao.before"
    mv "$bin/.chaobiao.before" "$bin/chaobiao.before"
fi
# Under another name first: a program that runs is replaced whole or not at all.
install -m 0755 chaobiao "$bin/.chaobiao.new"
mv "$bin/.chaobiao.new" "$bin/chaobiao"
cp -R deploy/. "$to/usr/share/chaobiao/"
cp -R README.md CHANGELOG.md LICENSE SOFTWARE.tsv manual "$to/usr/share/doc/chaobiao/"
chmod -R u=rwX,go=rX "$to/usr/share/chaobiao" "$to/usr/share/doc/chaobiao"
for unit in deploy/systemd/*.service deploy/systemd/*.timer; do
    install -m 0644 "$unit" "$to/etc/systemd/system/"
done
install -m 0644 deploy/udev/70-chaobiao.rules "$to/etc/udev/rules.d/"
if [ -z "$to" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    udevadm control --reload 2>/dev/null || true
fi
echo "installed $(./chaobiao --version)  已安装"
cat <<'END'
next: the handbook in /usr/share/doc/chaobiao/manual/handbook  下一步见运行手册
  configuration and key in /etc/chaobiao, as the service's account: sudo -u chaobiao ...  在 /etc/chaobiao 中准备配置和密钥
  systemctl enable --now chaobiao                 from then on it runs  启用服务
  systemctl enable --now chaobiao-backup.timer    a backup every day, once chaobiao-backup.service names the disk  启用每日备份
END
