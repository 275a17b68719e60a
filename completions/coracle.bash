# bash completion for coracle: asks the command itself for what may follow.

_coracle() {
    local line=${COMP_LINE:0:COMP_POINT} words current rest answer directive
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]} - 1]}
    mapfile -t answer < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
    ((${#answer[@]})) || return
    directive=${answer[${#answer[@]} - 1]}
    unset "answer[${#answer[@]} - 1]"
    # Of a word with one of these, bash replaces what is after the last.
    rest=$current
    [[ $COMP_WORDBREAKS == *=* ]] && rest=${rest##*=}
    [[ $COMP_WORDBREAKS == *:* ]] && rest=${rest##*:}
    local before=${current%"$rest"}
    COMPREPLY=()
    for line in "${answer[@]}"; do
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$before"}")
    done
    case $directive in
    :more) compopt -o nospace ;;
    :files)
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$rest")
        ;;
    :directories)
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$rest")
        ;;
    esac
}

complete -F _coracle coracle
