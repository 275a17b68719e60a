# What is installed and where, for install.sh and package.sh: each line has the mode, the file, and its place beneath the
# prefix. The program itself, which is built, is not among them.
installed_files() {
	for page in man/*.[1-9]; do
		echo "0644 $page share/man/man${page##*.}/${page##*/}"
	done
	cat <<'FILES'
0644 completions/coracle.bash share/bash-completion/completions/coracle
0644 completions/_coracle share/zsh/site-functions/_coracle
0644 completions/coracle.fish share/fish/vendor_completions.d/coracle.fish
0644 packaging/systemd/coracle-restart.service share/systemd/user/coracle-restart.service
0644 packaging/systemd/coracle-prune.service share/systemd/user/coracle-prune.service
0644 packaging/systemd/coracle-prune.timer share/systemd/user/coracle-prune.timer
0644 packaging/apparmor/coracle share/coracle/apparmor/coracle
0644 LICENSE share/doc/coracle/LICENSE
FILES
}

# put MODE SOURCE TARGET: beside the target first, then renamed, so that a running coracle is not in the way.
put() {
	mkdir -p "$(dirname "$3")"
	cp "$2" "$3.new"
	chmod "$1" "$3.new"
	mv -f "$3.new" "$3"
}

# put_all BINARY ROOT PREFIX: installs into PREFIX beneath ROOT, which is empty for the host itself. systemd looks for
# programs in a list of its own, in which no home is: units name the program by its whole path.
put_all() {
	put 0755 "$1" "$2$3/bin/coracle"
	installed_files | while read -r mode source target; do
		put "$mode" "$source" "$2$3/$target"
		case $target in
		*.service) sed -i "s|^ExecStart=coracle|ExecStart=$3/bin/coracle|" "$2$3/$target" ;;
		*/apparmor/*) sed -i "s|/usr/{local/,}bin/coracle|$3/bin/coracle|" "$2$3/$target" ;;
		esac
	done
}
