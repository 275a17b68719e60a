# fish completion for coracle: asks the command itself for what may follow.

function __coracle_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete -- $words[2..] "$current" 2>/dev/null)
    set -l rest (string replace -r '^--[^=]*=' '' -- "$current")
    set -l before (string sub -l (math (string length -- "$current") - (string length -- "$rest")) -- "$current")
    test (count $answer) -gt 1
    and printf '%s\n' $answer[1..-2]
    switch "$answer[-1]"
        case :files
            printf '%s\n' $before(__fish_complete_path "$rest")
        case :directories
            printf '%s\n' $before(__fish_complete_directories "$rest" '')
    end
end

complete -c coracle -f -a '(__coracle_complete)'
