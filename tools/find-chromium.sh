#!/bin/sh
# The browser tests drive Debian's chromium. Where it is missing and apt may be used, install it (with CJK fonts, so that
# Chinese pages can be looked at); anywhere else say so and go on: those tests then skip with a reason.
set -u
if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing chromium for the browser tests"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null && exit 0
fi
echo "no chromium here: the browser tests will be skipped (on Debian: apt-get install chromium fonts-noto-cjk)"
exit 0
