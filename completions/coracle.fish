# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_coracle_global_optspecs
    string join \n cgroup-manager= root= runroot= storage-driver= v/version
end

function __fish_coracle_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_coracle_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_coracle_using_subcommand
    set -l cmd (__fish_coracle_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c coracle -n "__fish_coracle_needs_command" -l cgroup-manager -d 'Make control groups through systemd or by cgroupfs (default: systemd where it can be asked)' -r
complete -c coracle -n "__fish_coracle_needs_command" -l root -d 'Keep images, layers, containers and volumes beneath this directory' -r -F
complete -c coracle -n "__fish_coracle_needs_command" -l runroot -d 'Keep sockets and locks of running containers beneath this directory' -r -F
complete -c coracle -n "__fish_coracle_needs_command" -l storage-driver -d 'Make containers with the storage driver overlay, fuse-overlayfs or vfs (default: what this host takes)' -r
complete -c coracle -n "__fish_coracle_needs_command" -s v -l version -d 'Print version information and quit'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "commit" -d 'Create a new image from a container\'s changes'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "completion" -d 'Generate the autocompletion script for a shell'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "cp" -d 'Copy files between a container and the host'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "create" -d 'Create a new container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "diff" -d 'Inspect changes to files or directories on a container\'s filesystem'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "doctor" -d 'Examine this host, and say what mends what it lacks'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "events" -d 'Get real time events'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "exec" -d 'Execute a command in a running container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "export" -d 'Export a container\'s filesystem as a tar archive'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "history" -d 'Show the history of an image'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "images" -d 'List images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "import" -d 'Import a tar archive of files to make an image of it'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "info" -d 'Display system-wide information'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "init" -d 'Initialize one or more containers: all but the start of their programs'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "inspect" -d 'Return low-level information on containers, images and volumes'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "kill" -d 'Kill one or more running containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "load" -d 'Load images from a tar archive or from standard input'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "login" -d 'Authenticate to a registry'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "logout" -d 'Log out from a registry'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "logs" -d 'Fetch the logs of a container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "mount" -d 'Mount containers\' filesystems for reading'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "pause" -d 'Pause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "ps" -d 'List containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "pull" -d 'Download an image from a registry'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "restart" -d 'Restart one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "push" -d 'Upload an image to a registry'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "rename" -d 'Rename a container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "rm" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "rmi" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "run" -d 'Create and run a new container from an image'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "save" -d 'Save images to a tar archive (streamed to standard output by default)'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "search" -d 'Search registries for images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "start" -d 'Start one or more stopped containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "stats" -d 'Display a live stream of container(s) resource usage statistics'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "stop" -d 'Stop one or more running containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "top" -d 'Display the running processes of a container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "unmount" -d 'Unmount containers\' filesystems'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "unpause" -d 'Unpause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "unshare" -d 'Run a command in a modified user namespace'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "update" -d 'Update configuration of one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "version" -d 'Show the version information'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "builder" -d 'Manage builds'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "buildx" -d 'Manage builds, by docker\'s other name'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "container" -d 'Manage containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "healthcheck" -d 'Manage health checks'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "image" -d 'Manage images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "network" -d 'Manage networks'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "manifest" -d 'Manage lists of images for several platforms'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "secret" -d 'Manage secrets'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "system" -d 'Manage coracle'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "volume" -d 'Manage volumes'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand attach" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l no-stdin -d 'Do not attach to standard input'
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l sig-proxy -d 'Pass signals on to the program (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l format -d 'The format of the image: oci, which it is' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l layers -d 'Keep what each step has made for later builds: it is, without --no-cache' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l provenance -d 'Add an attestation of how the image was made: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l sbom -d 'Add a list of what is in the image: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l add-host -d 'Add a line to /etc/hosts of the steps: host:ip' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l allow -d 'Allow what is not by default: security.insecure, network.host' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l annotation -d 'Add an annotation to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l build-arg -d 'Set a build argument; without a value it is taken from the environment' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l build-context -d 'Name another context: name=DIRECTORY, name=URL or name=docker-image://IMAGE' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l cache-from -d 'Take over what other builds have cached: an image, or type=registry,ref=IMAGE or type=local,src=DIRECTORY' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l cache-to -d 'Bring what is cached to type=registry,ref=IMAGE, type=local,dest=DIRECTORY or type=inline, with mode=max all of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l cap-add -d 'Add a Linux capability to the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l cap-drop -d 'Take a Linux capability from the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l dns -d 'Ask this name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -s f -l file -d 'The Dockerfile (default PATH/Dockerfile, else PATH/Containerfile); "-" is standard input' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l jobs -d 'Do at most so many steps at once' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l label -d 'Add a label to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l network -d 'The network of the steps: default, none or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l no-cache-filter -d 'Do the steps of these stages again' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l platform -d 'The platforms to build for: os[/architecture[/variant]]; several become one name' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l pull -d 'Look for newer images at their registries' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l rm -d 'Remove intermediate containers: there are never any' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l secret -d 'Give the steps a secret: id=ID[,src=FILE][,env=NAME][,type=file|env]' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l shm-size -d 'The size of /dev/shm in the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l source-date-epoch -l timestamp -d 'No time in the image is later than this, in seconds since 1970 (default $SOURCE_DATE_EPOCH)' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l ssh -d 'Let the steps use an ssh agent: default or ID[=SOCKET]' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -s t -l tag -d 'Name the image; may be repeated' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l target -d 'Build this stage instead of the last' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l ulimit -d 'Limit what a step\'s process may use: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -s v -l volume -d 'Mount a directory of the host in every step: host:container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand build" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand build" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -s o -l output -d 'What is made: a directory, "-", or type=image|local|tar|oci|docker[,dest=PATH]' -r
complete -c coracle -n "__fish_coracle_using_subcommand build" -l iidfile -d 'Write the image\'s id to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand build" -l metadata-file -d 'Write what is known of the image to a file, as JSON' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand build" -l progress -d 'How progress is shown: auto, plain, tty, rawjson or quiet' -r -f -a "auto\t''
plain\t''
tty\t''
rawjson\t''
quiet\t''"
complete -c coracle -n "__fish_coracle_using_subcommand build" -l rewrite-timestamp -d 'Give files the time of --source-date-epoch too: they have it'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l force-rm -d 'Remove intermediate containers: there are never any'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l load -d 'Keep the result in the local store: it always is, unless --output says otherwise'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l no-cache -d 'Do every step again'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l squash -d 'Make one layer of all that is built'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l push -d 'Send the image to the registries of its names'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l check -d 'Look for mistakes and bad habits in the Dockerfile, and build nothing'
complete -c coracle -n "__fish_coracle_using_subcommand build" -s q -l quiet -d 'Print nothing but the image\'s id'
complete -c coracle -n "__fish_coracle_using_subcommand build" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s a -l author -d 'Who made it, as in "John Hannibal Smith <hannibal@a-team.com>"' -r
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s c -l change -d 'Apply a Dockerfile instruction to the image: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR' -r
complete -c coracle -n "__fish_coracle_using_subcommand commit" -l iidfile -d 'Write the image\'s id to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s m -l message -d 'Say why it was made, in the image\'s history' -r
complete -c coracle -n "__fish_coracle_using_subcommand commit" -l include-volumes -d 'Name the volumes that the container was given among those of the image'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s p -l pause -d 'Stop a container that runs from changing while it is read: needs control groups, so it is off unless given'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s q -l quiet -d 'Print nothing but the image\'s id: there is never more'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand completion" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -s a -l archive -d 'Keep the owner of everything; else copies belong to root in a container, and to you on the host'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -s L -l follow-link -d 'Follow a link in the last place of SRC_PATH'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -l overwrite -d 'Let a directory be replaced by what is none, and the other way round'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -s q -l quiet -d 'Say nothing of what was copied: so it is anyway where standard output is no terminal'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l add-host -d 'Add a line to /etc/hosts: name:address, or name:host-gateway' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l annotation -d 'Add an annotation to the container\'s specification' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cap-add -d 'Add a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cap-drop -d 'Drop a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cidfile -d 'Write the container\'s id to a file that must not exist yet' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device -d 'Make a device of the host available: host[:container[:rwm]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l dns -d 'Use a name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l dns-option -l dns-opt -d 'Set an option of the resolver' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l dns-search -d 'Search a domain for short host names' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l domainname -d 'The container\'s NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l entrypoint -d 'Run this instead of the image\'s entry point; an empty one clears it' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s e -l env -d 'Set a variable; without a value, pass ours on' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l env-file -d 'Read variables from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l expose -d 'Note that the container listens on a port or a range of ports' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l gidmap -d 'Map group ids: [+]container:[@]host[:count]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l group-add -d 'Add a supplementary group; keep-groups keeps yours' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-cmd -d 'Check the container\'s health with this: a line for its shell, or a JSON array' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-interval -d 'The time between two checks (default 30s); \'disable\' checks only when healthcheck run asks' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-log-destination -d 'Where results are kept: local, with the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-max-log-count -d 'How many results are kept (default 5); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-max-log-size -d 'How many bytes are kept of what each check says (default 4096); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-on-failure -d 'What is done with an unhealthy container: none, kill, restart or stop' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-retries -d 'The failures in a row that make a container unhealthy (default 3)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-start-interval -d 'The time between two checks while the container starts (default 5s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-start-period -d 'The time that the container has to start before failures count' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-timeout -d 'The time that one check may take (default 30s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s h -l hostname -d 'The container\'s host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l isolation -d 'How the container is kept apart: default, the only way on Linux' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s l -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l label-file -d 'Read labels from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l log-driver -d 'Where the container\'s output is kept: json-file, k8s-file, local, journald, none or passthrough' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l log-opt -d 'Set an option of the log driver: max-size=, max-file=, labels=, env=, tag= or path=' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ip -d 'The container\'s IPv4 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ip6 -d 'The container\'s IPv6 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l mac-address -d 'The hardware address of the container\'s network interface' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l mount -d 'Mount something: type=bind|volume|tmpfs|image|glob|devpts|ramfs,source=PATH,target=PATH[,readonly]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l name -d 'The container\'s name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l network -l net -d 'The container\'s network: the name of one or several, each with :alias=NAME,ip=ADDRESS,mac=ADDRESS; or none, host, slirp4netns[:options] or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l network-alias -l net-alias -d 'Another name for the container on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l oom-score-adj -d 'How readily the kernel kills the container when memory is short, -1000 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l platform -d 'The platform of the image: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s p -l publish -d 'Publish a port: [[ip:]host:]container[/protocol], also ranges' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pull -d 'Pull the image before: always, missing or never' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l restart -d 'What follows when the container ends: no, on-failure[:retries], always or unless-stopped' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l runtime -d 'The OCI runtime: coracle itself' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l secret -d 'Show a secret: name[,type=mount|env][,target=][,uid=,gid=,mode=]; as a file it is in /run/secrets' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l security-opt -d 'Change the isolation: seccomp=, apparmor=, no-new-privileges, mask=, unmask=, systempaths=' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l shm-size -d 'The size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l stop-signal -d 'The signal that stops the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l stop-timeout -d 'Seconds to wait after that before the container is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l storage-opt -d 'Options of the storage driver: there are none' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l subgidname -d 'Map the group ids that /etc/subgid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l subuidname -d 'Map the user ids that /etc/subuid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l sysctl -d 'Set a kernel parameter of the container\'s namespaces' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l timeout -d 'Seconds that the container may run before it is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l tmpfs -d 'Mount a tmpfs: target[:options]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l uidmap -d 'Map user ids: [+]container:[@]host[:count], where host counts 0 for you and 1 up for your subordinate ids, with @ as the host does' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ulimit -d 'Set a limit of the container\'s processes: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s u -l user -d 'The user, and the group: name|uid[:group|gid]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l userns -d 'The user namespace: host, keep-id[:uid=,gid=,size=] (you are the same user inside), auto[:size=,uidmapping=, gidmapping=] (ids of its own), nomap (you are nobody inside), container:NAME or ns:PATH' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s v -l volume -d 'Mount a directory of the host or a volume: [source:]target[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l volume-driver -d 'The driver of new volumes; there is only the local one' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l volumes-from -d 'Mount what another container mounts: container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s w -l workdir -d 'The directory that the program starts in' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l blkio-weight -d 'The container\'s share of the disks\' time, 10 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l blkio-weight-device -d 'The container\'s share of one disk\'s time: device:weight' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-period -d 'The period that --cpu-quota is a part of, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-quota -d 'How long the container may run in each period, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s c -l cpu-shares -d 'The container\'s share of the processors while others want them too; 1024 is usual' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpus -d 'How many processors\' time the container may take, such as 1.5' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpuset-cpus -d 'The processors that the container may run on: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpuset-mems -d 'The nodes that the container may take memory of: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-read-bps -d 'Limit what is read of a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-read-iops -d 'Limit how often a device is read: device:reads-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-write-bps -d 'Limit what is written to a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-write-iops -d 'Limit how often a device is written: device:writes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s m -l memory -d 'How much memory the container may take' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l memory-reservation -d 'How much memory the container is left when the host is short of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l memory-swap -d 'Memory and swap together: as much, or -1 for all the swap there is' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l memory-swappiness -d 'How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pids-limit -d 'How many processes the container may have; -1 for no limit' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cgroup-conf -d 'Write to a file of the container\'s control group: memory.high=1073741824' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cgroup-parent -d 'Make the container\'s control group beneath another: a slice of systemd, or with cgroupfs a path' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cgroups -d 'Make a control group for the container: enabled, disabled, no-conmon (the supervisor stays where it is started) or split (beneath the unit that it is started in); usually one is made where a limit needs it' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l group-entry -d 'The line of /etc/group for the container\'s group, with $GROUPNAME, $GID and $USERLIST' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l hostuser -d 'Make a user of the host known inside' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l passwd-entry -d 'The line of /etc/passwd for the container\'s user, with $USERNAME, $UID, $GID, $NAME and $HOME' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l arch -d 'The architecture of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l chrootdirs -d 'Show a directory that is a root of its own the same hosts, hostname and resolv.conf, in its etc' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l conmon-pidfile -d 'Write the id of the supervisor\'s process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l env-merge -d 'Set a variable by what the image has: PATH=${PATH}:/more' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l hosts-file -d 'Begin /etc/hosts with this file\'s lines; \'none\' begins with nothing' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l image-volume -d 'What becomes of the volumes that the image declares: anonymous, tmpfs or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l init-path -d 'With --init, take this program of the host as the init' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l os -d 'The operating system of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pidfile -d 'Write the id of the container\'s first process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l requires -d 'Start another container before this one whenever it is started' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l sdnotify -d 'Who tells systemd, which has started this command, that the container is ready: container (its program, by NOTIFY_SOCKET), conmon (once the program runs), healthy (once a health check succeeds) or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l systemd -d 'Give systemd, as the first process, what it needs: true (if the program is called so, or init), always or false' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l tz -d 'The time zone: a name such as Europe/Vienna, or \'local\' for the host\'s' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l umask -d 'The file mode creation mask of the container\'s processes, in octal' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l unsetenv -d 'Take a variable of the image away' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l variant -d 'The variant of the image\'s architecture' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cgroupns -d 'The control groups that the container sees as its own: private or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ipc -d 'Shared memory and message queues: private, shareable, none, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pid -d 'The processes that the container sees: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l uts -d 'The host and domain name: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s a -l attach -d 'Attach to a stream: start decides, so this is for docker\'s scripts' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l disable-content-trust -d 'Skip checks of signatures, which are never made (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l no-healthcheck -d 'Make no health checks, whatever the image says'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l init -d 'Run a small init inside, which passes signals on and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s i -l interactive -d 'Keep standard input open'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l privileged -d 'Give every privilege that the user has'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s P -l publish-all -d 'Publish every exposed port on a port that is free'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s q -l quiet -d 'Do not show how the pull goes on'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l read-only -d 'Mount the root filesystem read-only'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l rm -d 'Remove the container and its anonymous volumes when it ends; attached, end it when this command is killed'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l rootfs -d 'Take a directory as the root filesystem, instead of an image'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s t -l tty -d 'Give the container a terminal'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l passwd -d 'Add lines for the user to /etc/passwd and /etc/group (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l env-host -d 'Pass all our variables on'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l http-proxy -d 'Pass our proxy variables on'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l read-only-tmpfs -d 'With --read-only, keep /run, /tmp and /var/tmp writable in memory'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l replace -d 'Remove a container that has the name'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l unsetenv-all -d 'Take every variable of the image away'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand diff" -l format -d 'Print in another form: json' -r -f -a "json\t''"
complete -c coracle -n "__fish_coracle_using_subcommand diff" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand diff" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand doctor" -l json -d 'Print as JSON'
complete -c coracle -n "__fish_coracle_using_subcommand doctor" -l online -d 'Also ask the registries whether they answer'
complete -c coracle -n "__fish_coracle_using_subcommand doctor" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand events" -s f -l filter -d 'Show only events that meet a condition: type=container, event=die, container=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l format -d 'Print in another form: \'json\' or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l since -d 'Show what has happened since a time, or since a duration ago, too' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l until -d 'End at a time, or show only what happened before a duration ago' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l detach-keys -d 'The keys that detach from the program\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s e -l env -d 'Set a variable; without a value, pass ours on' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l env-file -d 'Read variables from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l preserve-fd -d 'Give the program open files of ours, under the same numbers' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l preserve-fds -d 'Give the program so many open files of ours, from descriptor 3 on' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s u -l user -d 'The user, and the group: name|uid[:group|gid]' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s w -l workdir -d 'The directory that the program starts in' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s d -l detach -d 'Run in the background'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s i -l interactive -d 'Keep standard input open'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l privileged -d 'Give the program every privilege that the user has'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s t -l tty -d 'Give the program a terminal'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand export" -s o -l output -d 'Write to a file instead of standard output' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand export" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand history" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand history" -l platform -d 'Of an image for several platforms the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand history" -s H -l human -d 'Print sizes and times for people (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand history" -l no-trunc -d 'Show ids and instructions in full'
complete -c coracle -n "__fish_coracle_using_subcommand history" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand history" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand images" -s f -l filter -d 'Show only images that meet a condition: dangling=true, reference=busy*, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand images" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand images" -s a -l all -d 'Show all images; there are no intermediate ones to hide'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l digests -d 'Show digests'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand images" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l tree -d 'Show the platforms of each image'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand import" -s c -l change -d 'Apply a Dockerfile instruction to the image: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR' -r
complete -c coracle -n "__fish_coracle_using_subcommand import" -s m -l message -d 'Say where it comes from, in the image\'s history' -r
complete -c coracle -n "__fish_coracle_using_subcommand import" -l platform -d 'The platform of the image: os[/architecture[/variant]]; this machine\'s unless given' -r
complete -c coracle -n "__fish_coracle_using_subcommand import" -s q -l quiet -d 'Print nothing but the image\'s id: there is never more'
complete -c coracle -n "__fish_coracle_using_subcommand import" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand info" -s f -l format -d 'Print through a Go template, or \'json\'' -r
complete -c coracle -n "__fish_coracle_using_subcommand info" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand init" -s a -l all -d 'Initialize every container that is not, and does not run'
complete -c coracle -n "__fish_coracle_using_subcommand init" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand init" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -s f -l format -d 'Print through a Go template, or \'json\' for one line each' -r
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -l type -d 'Look only among objects of this type: container, image, volume or secret' -r
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -s s -l size -d 'Show how much room a container takes: SizeRw its own files, SizeRootFs those and its image\'s'
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand kill" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand kill" -s s -l signal -d 'The signal, by name or number' -r
complete -c coracle -n "__fish_coracle_using_subcommand kill" -s a -l all -d 'Signal every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand kill" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand kill" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand load" -s i -l input -d 'Read from a file or a directory instead of standard input' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand load" -l platform -d 'Of images for several platforms the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand load" -s q -l quiet -d 'Show no bars'
complete -c coracle -n "__fish_coracle_using_subcommand load" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand login" -l authfile -d 'Keep the credentials in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand login" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand login" -l compat-auth-file -d 'Keep the credentials in this file, in the form of docker\'s config.json' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand login" -s p -l password -d 'Password or token' -r
complete -c coracle -n "__fish_coracle_using_subcommand login" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand login" -s u -l username -d 'Name of the user' -r
complete -c coracle -n "__fish_coracle_using_subcommand login" -l get-login -d 'Print the name under which one is logged in'
complete -c coracle -n "__fish_coracle_using_subcommand login" -l password-stdin -d 'Take the password from standard input'
complete -c coracle -n "__fish_coracle_using_subcommand login" -s v -l verbose -d 'Tell where the credentials are kept'
complete -c coracle -n "__fish_coracle_using_subcommand login" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand logout" -l authfile -d 'The file that the credentials are kept in' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand logout" -l compat-auth-file -d 'The file that the credentials are kept in, in the form of docker\'s config.json' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand logout" -s a -l all -d 'Forget every registry'
complete -c coracle -n "__fish_coracle_using_subcommand logout" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l since -d 'Show only what was written since a time, or since a duration ago' -r
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s n -l tail -d 'Show only so many lines from the end' -r
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l until -d 'Show only what was written before a time, or before a duration ago' -r
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l details -d 'Show the labels and variables that the log driver was told to note'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s f -l follow -d 'Go on showing what is written'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s t -l timestamps -d 'Show when each line was written'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand mount" -s a -l all -d 'Mount every container'
complete -c coracle -n "__fish_coracle_using_subcommand mount" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand mount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand pause" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand pause" -s a -l all -d 'Pause every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand pause" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand pause" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand port" -s a -l all -d 'Show the ports of every container, with its id'
complete -c coracle -n "__fish_coracle_using_subcommand port" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand port" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s f -l filter -d 'Show only containers that meet a condition: name=web, status=exited, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s n -l last -d 'Show the n newest containers, also those that do not run' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l sort -d 'Sort by command, created, id, image, names, runningfor, size or status' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s a -l all -d 'Show all containers, not only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s l -l latest -d 'Show the newest container, also if it does not run'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l no-trunc -d 'Show ids, commands and mounts in full'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s s -l size -d 'Show how much room each container\'s own files take, and those with its image'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l platform -d 'The platform of the image: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -s a -l all-tags -d 'Pull every tag of the repository'
complete -c coracle -n "__fish_coracle_using_subcommand pull" -s q -l quiet -d 'Print only the image\'s name in full'
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s f -l filter -d 'Restart the containers that meet a condition, as of ps: name=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s s -l signal -d 'The signal to ask with' -r
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s t -l timeout -d 'Seconds to wait before the container is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s a -l all -d 'Restart every container, whatever its state'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -l running -d 'Restart every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand push" -l digestfile -d 'Write the digest of the pushed image to this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand push" -l platform -d 'Push one image alone, where the name stands for several: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand push" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand push" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand push" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand push" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand push" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand push" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand push" -s a -l all-tags -d 'Push every tag of the repository'
complete -c coracle -n "__fish_coracle_using_subcommand push" -s q -l quiet -d 'Print only the image\'s name in full'
complete -c coracle -n "__fish_coracle_using_subcommand push" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand rename" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand rm" -l filter -d 'Remove the containers that meet a condition, as of ps: name=web, status=exited' -r
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s t -l time -d 'With --force, seconds to wait after the stop signal before it is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s a -l all -d 'Remove every container'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -l depend -d 'Remove the containers too that share its namespaces or require it'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s f -l force -d 'Kill it first if it runs; one that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s i -l ignore -d 'One that is not there is no failure, and is not told'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s v -l volumes -d 'Remove its anonymous volumes too'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -l platform -d 'Of an image for several platforms only the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -s f -l force -d 'Remove an image that ended containers refer to; one that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l add-host -d 'Add a line to /etc/hosts: name:address, or name:host-gateway' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l annotation -d 'Add an annotation to the container\'s specification' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cap-add -d 'Add a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cap-drop -d 'Drop a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cidfile -d 'Write the container\'s id to a file that must not exist yet' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device -d 'Make a device of the host available: host[:container[:rwm]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l dns -d 'Use a name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l dns-option -l dns-opt -d 'Set an option of the resolver' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l dns-search -d 'Search a domain for short host names' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l domainname -d 'The container\'s NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l entrypoint -d 'Run this instead of the image\'s entry point; an empty one clears it' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s e -l env -d 'Set a variable; without a value, pass ours on' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l env-file -d 'Read variables from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l expose -d 'Note that the container listens on a port or a range of ports' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l gidmap -d 'Map group ids: [+]container:[@]host[:count]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l group-add -d 'Add a supplementary group; keep-groups keeps yours' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-cmd -d 'Check the container\'s health with this: a line for its shell, or a JSON array' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-interval -d 'The time between two checks (default 30s); \'disable\' checks only when healthcheck run asks' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-log-destination -d 'Where results are kept: local, with the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-max-log-count -d 'How many results are kept (default 5); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-max-log-size -d 'How many bytes are kept of what each check says (default 4096); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-on-failure -d 'What is done with an unhealthy container: none, kill, restart or stop' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-retries -d 'The failures in a row that make a container unhealthy (default 3)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-start-interval -d 'The time between two checks while the container starts (default 5s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-start-period -d 'The time that the container has to start before failures count' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-timeout -d 'The time that one check may take (default 30s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s h -l hostname -d 'The container\'s host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l isolation -d 'How the container is kept apart: default, the only way on Linux' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s l -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l label-file -d 'Read labels from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l log-driver -d 'Where the container\'s output is kept: json-file, k8s-file, local, journald, none or passthrough' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l log-opt -d 'Set an option of the log driver: max-size=, max-file=, labels=, env=, tag= or path=' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ip -d 'The container\'s IPv4 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ip6 -d 'The container\'s IPv6 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l mac-address -d 'The hardware address of the container\'s network interface' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l mount -d 'Mount something: type=bind|volume|tmpfs|image|glob|devpts|ramfs,source=PATH,target=PATH[,readonly]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l name -d 'The container\'s name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l network -l net -d 'The container\'s network: the name of one or several, each with :alias=NAME,ip=ADDRESS,mac=ADDRESS; or none, host, slirp4netns[:options] or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l network-alias -l net-alias -d 'Another name for the container on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l oom-score-adj -d 'How readily the kernel kills the container when memory is short, -1000 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l platform -d 'The platform of the image: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s p -l publish -d 'Publish a port: [[ip:]host:]container[/protocol], also ranges' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pull -d 'Pull the image before: always, missing or never' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l restart -d 'What follows when the container ends: no, on-failure[:retries], always or unless-stopped' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l runtime -d 'The OCI runtime: coracle itself' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l secret -d 'Show a secret: name[,type=mount|env][,target=][,uid=,gid=,mode=]; as a file it is in /run/secrets' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l security-opt -d 'Change the isolation: seccomp=, apparmor=, no-new-privileges, mask=, unmask=, systempaths=' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l shm-size -d 'The size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l stop-signal -d 'The signal that stops the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l stop-timeout -d 'Seconds to wait after that before the container is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l storage-opt -d 'Options of the storage driver: there are none' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l subgidname -d 'Map the group ids that /etc/subgid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l subuidname -d 'Map the user ids that /etc/subuid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l sysctl -d 'Set a kernel parameter of the container\'s namespaces' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l timeout -d 'Seconds that the container may run before it is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l tmpfs -d 'Mount a tmpfs: target[:options]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l uidmap -d 'Map user ids: [+]container:[@]host[:count], where host counts 0 for you and 1 up for your subordinate ids, with @ as the host does' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ulimit -d 'Set a limit of the container\'s processes: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s u -l user -d 'The user, and the group: name|uid[:group|gid]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l userns -d 'The user namespace: host, keep-id[:uid=,gid=,size=] (you are the same user inside), auto[:size=,uidmapping=, gidmapping=] (ids of its own), nomap (you are nobody inside), container:NAME or ns:PATH' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s v -l volume -d 'Mount a directory of the host or a volume: [source:]target[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l volume-driver -d 'The driver of new volumes; there is only the local one' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l volumes-from -d 'Mount what another container mounts: container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s w -l workdir -d 'The directory that the program starts in' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l blkio-weight -d 'The container\'s share of the disks\' time, 10 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l blkio-weight-device -d 'The container\'s share of one disk\'s time: device:weight' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-period -d 'The period that --cpu-quota is a part of, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-quota -d 'How long the container may run in each period, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s c -l cpu-shares -d 'The container\'s share of the processors while others want them too; 1024 is usual' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpus -d 'How many processors\' time the container may take, such as 1.5' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpuset-cpus -d 'The processors that the container may run on: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpuset-mems -d 'The nodes that the container may take memory of: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-read-bps -d 'Limit what is read of a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-read-iops -d 'Limit how often a device is read: device:reads-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-write-bps -d 'Limit what is written to a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-write-iops -d 'Limit how often a device is written: device:writes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s m -l memory -d 'How much memory the container may take' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l memory-reservation -d 'How much memory the container is left when the host is short of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l memory-swap -d 'Memory and swap together: as much, or -1 for all the swap there is' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l memory-swappiness -d 'How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pids-limit -d 'How many processes the container may have; -1 for no limit' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cgroup-conf -d 'Write to a file of the container\'s control group: memory.high=1073741824' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cgroup-parent -d 'Make the container\'s control group beneath another: a slice of systemd, or with cgroupfs a path' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cgroups -d 'Make a control group for the container: enabled, disabled, no-conmon (the supervisor stays where it is started) or split (beneath the unit that it is started in); usually one is made where a limit needs it' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l group-entry -d 'The line of /etc/group for the container\'s group, with $GROUPNAME, $GID and $USERLIST' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l hostuser -d 'Make a user of the host known inside' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l passwd-entry -d 'The line of /etc/passwd for the container\'s user, with $USERNAME, $UID, $GID, $NAME and $HOME' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l arch -d 'The architecture of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l chrootdirs -d 'Show a directory that is a root of its own the same hosts, hostname and resolv.conf, in its etc' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l conmon-pidfile -d 'Write the id of the supervisor\'s process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l env-merge -d 'Set a variable by what the image has: PATH=${PATH}:/more' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l hosts-file -d 'Begin /etc/hosts with this file\'s lines; \'none\' begins with nothing' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l image-volume -d 'What becomes of the volumes that the image declares: anonymous, tmpfs or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l init-path -d 'With --init, take this program of the host as the init' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l os -d 'The operating system of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pidfile -d 'Write the id of the container\'s first process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l requires -d 'Start another container before this one whenever it is started' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l sdnotify -d 'Who tells systemd, which has started this command, that the container is ready: container (its program, by NOTIFY_SOCKET), conmon (once the program runs), healthy (once a health check succeeds) or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l systemd -d 'Give systemd, as the first process, what it needs: true (if the program is called so, or init), always or false' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l tz -d 'The time zone: a name such as Europe/Vienna, or \'local\' for the host\'s' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l umask -d 'The file mode creation mask of the container\'s processes, in octal' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l unsetenv -d 'Take a variable of the image away' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l variant -d 'The variant of the image\'s architecture' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cgroupns -d 'The control groups that the container sees as its own: private or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ipc -d 'Shared memory and message queues: private, shareable, none, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pid -d 'The processes that the container sees: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l uts -d 'The host and domain name: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s a -l attach -d 'Attach to a stream: stdin, stdout or stderr' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l preserve-fd -d 'Give the program open files of ours, under the same numbers' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l preserve-fds -d 'Give the program so many open files of ours, from descriptor 3 on' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l disable-content-trust -d 'Skip checks of signatures, which are never made (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l no-healthcheck -d 'Make no health checks, whatever the image says'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l init -d 'Run a small init inside, which passes signals on and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s i -l interactive -d 'Keep standard input open'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l privileged -d 'Give every privilege that the user has'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s P -l publish-all -d 'Publish every exposed port on a port that is free'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s q -l quiet -d 'Do not show how the pull goes on'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l read-only -d 'Mount the root filesystem read-only'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l rm -d 'Remove the container and its anonymous volumes when it ends; attached, end it when this command is killed'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l rootfs -d 'Take a directory as the root filesystem, instead of an image'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s t -l tty -d 'Give the container a terminal'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l passwd -d 'Add lines for the user to /etc/passwd and /etc/group (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l env-host -d 'Pass all our variables on'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l http-proxy -d 'Pass our proxy variables on'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l read-only-tmpfs -d 'With --read-only, keep /run, /tmp and /var/tmp writable in memory'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l replace -d 'Remove a container that has the name'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l unsetenv-all -d 'Take every variable of the image away'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s d -l detach -d 'Run in the background and print the container\'s id'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l rmi -d 'When the container has ended, remove it, and its image too unless another container uses that'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l sig-proxy -d 'Pass signals on to the program (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand save" -l format -d 'What to write: docker-archive, which is an OCI layout too, oci-archive, oci-dir or docker-dir' -r
complete -c coracle -n "__fish_coracle_using_subcommand save" -s o -l output -d 'Write to a file, or make a directory, instead of writing to standard output' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand save" -l platform -d 'The image for this platform: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand save" -l compress -d 'Compress the layers that are not compressed, with --format docker-dir'
complete -c coracle -n "__fish_coracle_using_subcommand save" -s m -l multi-image-archive -d 'Take every name for an image of its own, as is always done'
complete -c coracle -n "__fish_coracle_using_subcommand save" -s q -l quiet -d 'Say nothing, as is always done'
complete -c coracle -n "__fish_coracle_using_subcommand save" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand search" -s f -l filter -d 'Show only what meets a condition: stars=3, is-official=true, is-automated=true' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l limit -d 'How many answers of each registry (default 25)' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand search" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand search" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand search" -l list-tags -d 'List the tags of a repository'
complete -c coracle -n "__fish_coracle_using_subcommand search" -l no-trunc -d 'Show descriptions in full'
complete -c coracle -n "__fish_coracle_using_subcommand search" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand start" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand start" -s f -l filter -d 'Start the containers that meet a condition, as of ps: name=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand start" -l all -d 'Start every container, whatever its state'
complete -c coracle -n "__fish_coracle_using_subcommand start" -s a -l attach -d 'Attach to standard output and error, and pass signals on'
complete -c coracle -n "__fish_coracle_using_subcommand start" -s i -l interactive -d 'Attach to standard input too'
complete -c coracle -n "__fish_coracle_using_subcommand start" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand start" -l sig-proxy -d 'Attached, pass signals on to the program (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand start" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand stats" -s i -l interval -d 'Seconds between two looks' -r
complete -c coracle -n "__fish_coracle_using_subcommand stats" -s a -l all -d 'Show all containers, not only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l no-reset -d 'Do not clear the screen between two looks'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l no-stream -d 'Look once, over a second'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s f -l filter -d 'Stop the containers that meet a condition, as of ps: name=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s s -l signal -d 'The signal to ask with' -r
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s t -l timeout -d 'Seconds to wait before the container is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s a -l all -d 'Stop every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s i -l ignore -d 'A container that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand tag" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand top" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand top" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand unmount" -s a -l all -d 'Unmount every container that is mounted'
complete -c coracle -n "__fish_coracle_using_subcommand unmount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand unpause" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand unpause" -s a -l all -d 'Let every container go on that is paused'
complete -c coracle -n "__fish_coracle_using_subcommand unpause" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand unpause" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand unshare" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand update" -l restart -d 'What follows when the container ends: no, on-failure[:retries], always or unless-stopped' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l blkio-weight -d 'The container\'s share of the disks\' time, 10 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l blkio-weight-device -d 'The container\'s share of one disk\'s time: device:weight' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpu-period -d 'The period that --cpu-quota is a part of, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpu-quota -d 'How long the container may run in each period, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -s c -l cpu-shares -d 'The container\'s share of the processors while others want them too; 1024 is usual' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpus -d 'How many processors\' time the container may take, such as 1.5' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpuset-cpus -d 'The processors that the container may run on: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpuset-mems -d 'The nodes that the container may take memory of: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l device-read-bps -d 'Limit what is read of a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l device-read-iops -d 'Limit how often a device is read: device:reads-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l device-write-bps -d 'Limit what is written to a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l device-write-iops -d 'Limit how often a device is written: device:writes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -s m -l memory -d 'How much memory the container may take' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l memory-reservation -d 'How much memory the container is left when the host is short of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l memory-swap -d 'Memory and swap together: as much, or -1 for all the swap there is' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l memory-swappiness -d 'How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l pids-limit -d 'How many processes the container may have; -1 for no limit' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand version" -s f -l format -d 'Print through a Go template, or \'json\'' -r
complete -c coracle -n "__fish_coracle_using_subcommand version" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand wait" -l condition -d 'Wait for this: not-running, next-exit, removed, a state or a health' -r
complete -c coracle -n "__fish_coracle_using_subcommand wait" -s i -l interval -d 'How often to look, for podman\'s scripts: the end is heard of at once' -r
complete -c coracle -n "__fish_coracle_using_subcommand wait" -l ignore -d 'One that is not there is no failure, and shows -1'
complete -c coracle -n "__fish_coracle_using_subcommand wait" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand wait" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and not __fish_seen_subcommand_from build du prune" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and not __fish_seen_subcommand_from build du prune" -f -a "du" -d 'Show how much room the build cache takes'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and not __fish_seen_subcommand_from build du prune" -f -a "prune" -d 'Remove the build cache'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l format -d 'The format of the image: oci, which it is' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l layers -d 'Keep what each step has made for later builds: it is, without --no-cache' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l provenance -d 'Add an attestation of how the image was made: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l sbom -d 'Add a list of what is in the image: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l add-host -d 'Add a line to /etc/hosts of the steps: host:ip' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l allow -d 'Allow what is not by default: security.insecure, network.host' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l annotation -d 'Add an annotation to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l build-arg -d 'Set a build argument; without a value it is taken from the environment' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l build-context -d 'Name another context: name=DIRECTORY, name=URL or name=docker-image://IMAGE' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l cache-from -d 'Take over what other builds have cached: an image, or type=registry,ref=IMAGE or type=local,src=DIRECTORY' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l cache-to -d 'Bring what is cached to type=registry,ref=IMAGE, type=local,dest=DIRECTORY or type=inline, with mode=max all of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l cap-add -d 'Add a Linux capability to the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l cap-drop -d 'Take a Linux capability from the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l dns -d 'Ask this name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -s f -l file -d 'The Dockerfile (default PATH/Dockerfile, else PATH/Containerfile); "-" is standard input' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l jobs -d 'Do at most so many steps at once' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l label -d 'Add a label to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l network -d 'The network of the steps: default, none or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l no-cache-filter -d 'Do the steps of these stages again' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l platform -d 'The platforms to build for: os[/architecture[/variant]]; several become one name' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l pull -d 'Look for newer images at their registries' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l rm -d 'Remove intermediate containers: there are never any' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l secret -d 'Give the steps a secret: id=ID[,src=FILE][,env=NAME][,type=file|env]' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l shm-size -d 'The size of /dev/shm in the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l source-date-epoch -l timestamp -d 'No time in the image is later than this, in seconds since 1970 (default $SOURCE_DATE_EPOCH)' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l ssh -d 'Let the steps use an ssh agent: default or ID[=SOCKET]' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -s t -l tag -d 'Name the image; may be repeated' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l target -d 'Build this stage instead of the last' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l ulimit -d 'Limit what a step\'s process may use: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -s v -l volume -d 'Mount a directory of the host in every step: host:container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -s o -l output -d 'What is made: a directory, "-", or type=image|local|tar|oci|docker[,dest=PATH]' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l iidfile -d 'Write the image\'s id to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l metadata-file -d 'Write what is known of the image to a file, as JSON' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l progress -d 'How progress is shown: auto, plain, tty, rawjson or quiet' -r -f -a "auto\t''
plain\t''
tty\t''
rawjson\t''
quiet\t''"
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l rewrite-timestamp -d 'Give files the time of --source-date-epoch too: they have it'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l force-rm -d 'Remove intermediate containers: there are never any'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l load -d 'Keep the result in the local store: it always is, unless --output says otherwise'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l no-cache -d 'Do every step again'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l squash -d 'Make one layer of all that is built'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l push -d 'Send the image to the registries of its names'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l check -d 'Look for mistakes and bad habits in the Dockerfile, and build nothing'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print nothing but the image\'s id'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from build" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from du" -l verbose -d 'Say what each is'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from du" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only what meets a condition: until=24h' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from prune" -l keep-storage -l keep-bytes -d 'Keep what was used last, up to this size' -r
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove what images are made of and shared directories too'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from prune" -l verbose -d 'Say what each was'
complete -c coracle -n "__fish_coracle_using_subcommand builder; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune" -f -a "du" -d 'Show how much room the build cache takes'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune" -f -a "prune" -d 'Remove the build cache'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l format -d 'The format of the image: oci, which it is' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l layers -d 'Keep what each step has made for later builds: it is, without --no-cache' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l provenance -d 'Add an attestation of how the image was made: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l sbom -d 'Add a list of what is in the image: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l add-host -d 'Add a line to /etc/hosts of the steps: host:ip' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l allow -d 'Allow what is not by default: security.insecure, network.host' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l annotation -d 'Add an annotation to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l build-arg -d 'Set a build argument; without a value it is taken from the environment' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l build-context -d 'Name another context: name=DIRECTORY, name=URL or name=docker-image://IMAGE' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cache-from -d 'Take over what other builds have cached: an image, or type=registry,ref=IMAGE or type=local,src=DIRECTORY' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cache-to -d 'Bring what is cached to type=registry,ref=IMAGE, type=local,dest=DIRECTORY or type=inline, with mode=max all of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cap-add -d 'Add a Linux capability to the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cap-drop -d 'Take a Linux capability from the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l dns -d 'Ask this name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -s f -l file -d 'The Dockerfile (default PATH/Dockerfile, else PATH/Containerfile); "-" is standard input' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l jobs -d 'Do at most so many steps at once' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l label -d 'Add a label to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l network -d 'The network of the steps: default, none or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l no-cache-filter -d 'Do the steps of these stages again' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l platform -d 'The platforms to build for: os[/architecture[/variant]]; several become one name' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l pull -d 'Look for newer images at their registries' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l rm -d 'Remove intermediate containers: there are never any' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l secret -d 'Give the steps a secret: id=ID[,src=FILE][,env=NAME][,type=file|env]' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l shm-size -d 'The size of /dev/shm in the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l source-date-epoch -l timestamp -d 'No time in the image is later than this, in seconds since 1970 (default $SOURCE_DATE_EPOCH)' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l ssh -d 'Let the steps use an ssh agent: default or ID[=SOCKET]' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -s t -l tag -d 'Name the image; may be repeated' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l target -d 'Build this stage instead of the last' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l ulimit -d 'Limit what a step\'s process may use: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -s v -l volume -d 'Mount a directory of the host in every step: host:container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -s o -l output -d 'What is made: a directory, "-", or type=image|local|tar|oci|docker[,dest=PATH]' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l iidfile -d 'Write the image\'s id to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l metadata-file -d 'Write what is known of the image to a file, as JSON' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l progress -d 'How progress is shown: auto, plain, tty, rawjson or quiet' -r -f -a "auto\t''
plain\t''
tty\t''
rawjson\t''
quiet\t''"
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l rewrite-timestamp -d 'Give files the time of --source-date-epoch too: they have it'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l force-rm -d 'Remove intermediate containers: there are never any'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l load -d 'Keep the result in the local store: it always is, unless --output says otherwise'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l no-cache -d 'Do every step again'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l squash -d 'Make one layer of all that is built'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l push -d 'Send the image to the registries of its names'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l check -d 'Look for mistakes and bad habits in the Dockerfile, and build nothing'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print nothing but the image\'s id'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from build" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from du" -l verbose -d 'Say what each is'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from du" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only what meets a condition: until=24h' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l keep-storage -l keep-bytes -d 'Keep what was used last, up to this size' -r
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove what images are made of and shared directories too'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l verbose -d 'Say what each was'
complete -c coracle -n "__fish_coracle_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "commit" -d 'Create a new image from a container\'s changes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "prune" -d 'Remove all stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "cp" -d 'Copy files between a container and the host'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "create" -d 'Create a new container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "diff" -d 'Inspect changes to files or directories on a container\'s filesystem'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "exec" -d 'Execute a command in a running container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "exists" -d 'Say by the exit code whether a container exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "export" -d 'Export a container\'s filesystem as a tar archive'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "init" -d 'Initialize one or more containers: all but the start of their programs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "inspect" -d 'Display detailed information on one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "kill" -d 'Kill one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "logs" -d 'Fetch the logs of a container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "mount" -d 'Mount containers\' filesystems for reading'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "pause" -d 'Pause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "ls" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "list" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "ps" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "restart" -d 'Restart one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "rename" -d 'Rename a container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "rm" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "remove" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "run" -d 'Create and run a new container from an image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "start" -d 'Start one or more stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "stats" -d 'Display a live stream of container(s) resource usage statistics'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "stop" -d 'Stop one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "top" -d 'Display the running processes of a container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "unmount" -d 'Unmount containers\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "umount" -d 'Unmount containers\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "unpause" -d 'Unpause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "update" -d 'Update configuration of one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from attach commit prune cp create diff exec exists export init inspect kill logs mount pause port ls list ps restart rename rm remove run start stats stop top unmount umount unpause update wait" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l no-stdin -d 'Do not attach to standard input'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l sig-proxy -d 'Pass signals on to the program (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s a -l author -d 'Who made it, as in "John Hannibal Smith <hannibal@a-team.com>"' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s c -l change -d 'Apply a Dockerfile instruction to the image: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -l iidfile -d 'Write the image\'s id to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s m -l message -d 'Say why it was made, in the image\'s history' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -l include-volumes -d 'Name the volumes that the container was given among those of the image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s p -l pause -d 'Stop a container that runs from changing while it is read: needs control groups, so it is off unless given'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s q -l quiet -d 'Print nothing but the image\'s id: there is never more'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only containers that meet a condition: until=24h, label=a=b, label!=a' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -s a -l archive -d 'Keep the owner of everything; else copies belong to root in a container, and to you on the host'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -s L -l follow-link -d 'Follow a link in the last place of SRC_PATH'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -l overwrite -d 'Let a directory be replaced by what is none, and the other way round'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -s q -l quiet -d 'Say nothing of what was copied: so it is anyway where standard output is no terminal'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l add-host -d 'Add a line to /etc/hosts: name:address, or name:host-gateway' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l annotation -d 'Add an annotation to the container\'s specification' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cap-add -d 'Add a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cap-drop -d 'Drop a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cidfile -d 'Write the container\'s id to a file that must not exist yet' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device -d 'Make a device of the host available: host[:container[:rwm]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l dns -d 'Use a name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l dns-option -l dns-opt -d 'Set an option of the resolver' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l dns-search -d 'Search a domain for short host names' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l domainname -d 'The container\'s NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l entrypoint -d 'Run this instead of the image\'s entry point; an empty one clears it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s e -l env -d 'Set a variable; without a value, pass ours on' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l env-file -d 'Read variables from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l expose -d 'Note that the container listens on a port or a range of ports' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l gidmap -d 'Map group ids: [+]container:[@]host[:count]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l group-add -d 'Add a supplementary group; keep-groups keeps yours' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-cmd -d 'Check the container\'s health with this: a line for its shell, or a JSON array' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-interval -d 'The time between two checks (default 30s); \'disable\' checks only when healthcheck run asks' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-log-destination -d 'Where results are kept: local, with the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-max-log-count -d 'How many results are kept (default 5); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-max-log-size -d 'How many bytes are kept of what each check says (default 4096); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-on-failure -d 'What is done with an unhealthy container: none, kill, restart or stop' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-retries -d 'The failures in a row that make a container unhealthy (default 3)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-start-interval -d 'The time between two checks while the container starts (default 5s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-start-period -d 'The time that the container has to start before failures count' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-timeout -d 'The time that one check may take (default 30s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s h -l hostname -d 'The container\'s host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l isolation -d 'How the container is kept apart: default, the only way on Linux' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s l -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l label-file -d 'Read labels from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l log-driver -d 'Where the container\'s output is kept: json-file, k8s-file, local, journald, none or passthrough' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l log-opt -d 'Set an option of the log driver: max-size=, max-file=, labels=, env=, tag= or path=' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ip -d 'The container\'s IPv4 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ip6 -d 'The container\'s IPv6 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l mac-address -d 'The hardware address of the container\'s network interface' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l mount -d 'Mount something: type=bind|volume|tmpfs|image|glob|devpts|ramfs,source=PATH,target=PATH[,readonly]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l name -d 'The container\'s name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l network -l net -d 'The container\'s network: the name of one or several, each with :alias=NAME,ip=ADDRESS,mac=ADDRESS; or none, host, slirp4netns[:options] or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l network-alias -l net-alias -d 'Another name for the container on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l oom-score-adj -d 'How readily the kernel kills the container when memory is short, -1000 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l platform -d 'The platform of the image: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s p -l publish -d 'Publish a port: [[ip:]host:]container[/protocol], also ranges' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pull -d 'Pull the image before: always, missing or never' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l restart -d 'What follows when the container ends: no, on-failure[:retries], always or unless-stopped' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l runtime -d 'The OCI runtime: coracle itself' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l secret -d 'Show a secret: name[,type=mount|env][,target=][,uid=,gid=,mode=]; as a file it is in /run/secrets' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l security-opt -d 'Change the isolation: seccomp=, apparmor=, no-new-privileges, mask=, unmask=, systempaths=' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l shm-size -d 'The size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l stop-signal -d 'The signal that stops the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l stop-timeout -d 'Seconds to wait after that before the container is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l storage-opt -d 'Options of the storage driver: there are none' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l subgidname -d 'Map the group ids that /etc/subgid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l subuidname -d 'Map the user ids that /etc/subuid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l sysctl -d 'Set a kernel parameter of the container\'s namespaces' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l timeout -d 'Seconds that the container may run before it is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l tmpfs -d 'Mount a tmpfs: target[:options]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l uidmap -d 'Map user ids: [+]container:[@]host[:count], where host counts 0 for you and 1 up for your subordinate ids, with @ as the host does' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ulimit -d 'Set a limit of the container\'s processes: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s u -l user -d 'The user, and the group: name|uid[:group|gid]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l userns -d 'The user namespace: host, keep-id[:uid=,gid=,size=] (you are the same user inside), auto[:size=,uidmapping=, gidmapping=] (ids of its own), nomap (you are nobody inside), container:NAME or ns:PATH' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s v -l volume -d 'Mount a directory of the host or a volume: [source:]target[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l volume-driver -d 'The driver of new volumes; there is only the local one' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l volumes-from -d 'Mount what another container mounts: container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s w -l workdir -d 'The directory that the program starts in' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l blkio-weight -d 'The container\'s share of the disks\' time, 10 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l blkio-weight-device -d 'The container\'s share of one disk\'s time: device:weight' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-period -d 'The period that --cpu-quota is a part of, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-quota -d 'How long the container may run in each period, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s c -l cpu-shares -d 'The container\'s share of the processors while others want them too; 1024 is usual' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpus -d 'How many processors\' time the container may take, such as 1.5' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpuset-cpus -d 'The processors that the container may run on: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpuset-mems -d 'The nodes that the container may take memory of: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-read-bps -d 'Limit what is read of a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-read-iops -d 'Limit how often a device is read: device:reads-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-write-bps -d 'Limit what is written to a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-write-iops -d 'Limit how often a device is written: device:writes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s m -l memory -d 'How much memory the container may take' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-reservation -d 'How much memory the container is left when the host is short of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-swap -d 'Memory and swap together: as much, or -1 for all the swap there is' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-swappiness -d 'How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pids-limit -d 'How many processes the container may have; -1 for no limit' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroup-conf -d 'Write to a file of the container\'s control group: memory.high=1073741824' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroup-parent -d 'Make the container\'s control group beneath another: a slice of systemd, or with cgroupfs a path' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroups -d 'Make a control group for the container: enabled, disabled, no-conmon (the supervisor stays where it is started) or split (beneath the unit that it is started in); usually one is made where a limit needs it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l group-entry -d 'The line of /etc/group for the container\'s group, with $GROUPNAME, $GID and $USERLIST' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l hostuser -d 'Make a user of the host known inside' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l passwd-entry -d 'The line of /etc/passwd for the container\'s user, with $USERNAME, $UID, $GID, $NAME and $HOME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l arch -d 'The architecture of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l chrootdirs -d 'Show a directory that is a root of its own the same hosts, hostname and resolv.conf, in its etc' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l conmon-pidfile -d 'Write the id of the supervisor\'s process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l env-merge -d 'Set a variable by what the image has: PATH=${PATH}:/more' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l hosts-file -d 'Begin /etc/hosts with this file\'s lines; \'none\' begins with nothing' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l image-volume -d 'What becomes of the volumes that the image declares: anonymous, tmpfs or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l init-path -d 'With --init, take this program of the host as the init' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l os -d 'The operating system of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pidfile -d 'Write the id of the container\'s first process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l requires -d 'Start another container before this one whenever it is started' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l sdnotify -d 'Who tells systemd, which has started this command, that the container is ready: container (its program, by NOTIFY_SOCKET), conmon (once the program runs), healthy (once a health check succeeds) or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l systemd -d 'Give systemd, as the first process, what it needs: true (if the program is called so, or init), always or false' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l tz -d 'The time zone: a name such as Europe/Vienna, or \'local\' for the host\'s' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l umask -d 'The file mode creation mask of the container\'s processes, in octal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l unsetenv -d 'Take a variable of the image away' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l variant -d 'The variant of the image\'s architecture' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroupns -d 'The control groups that the container sees as its own: private or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ipc -d 'Shared memory and message queues: private, shareable, none, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pid -d 'The processes that the container sees: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l uts -d 'The host and domain name: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s a -l attach -d 'Attach to a stream: start decides, so this is for docker\'s scripts' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l disable-content-trust -d 'Skip checks of signatures, which are never made (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l no-healthcheck -d 'Make no health checks, whatever the image says'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l init -d 'Run a small init inside, which passes signals on and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s i -l interactive -d 'Keep standard input open'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l privileged -d 'Give every privilege that the user has'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s P -l publish-all -d 'Publish every exposed port on a port that is free'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Do not show how the pull goes on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l read-only -d 'Mount the root filesystem read-only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l rm -d 'Remove the container and its anonymous volumes when it ends; attached, end it when this command is killed'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l rootfs -d 'Take a directory as the root filesystem, instead of an image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s t -l tty -d 'Give the container a terminal'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l passwd -d 'Add lines for the user to /etc/passwd and /etc/group (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l env-host -d 'Pass all our variables on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l http-proxy -d 'Pass our proxy variables on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l read-only-tmpfs -d 'With --read-only, keep /run, /tmp and /var/tmp writable in memory'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l replace -d 'Remove a container that has the name'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l unsetenv-all -d 'Take every variable of the image away'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from diff" -l format -d 'Print in another form: json' -r -f -a "json\t''"
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from diff" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from diff" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l detach-keys -d 'The keys that detach from the program\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s e -l env -d 'Set a variable; without a value, pass ours on' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l env-file -d 'Read variables from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l preserve-fd -d 'Give the program open files of ours, under the same numbers' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l preserve-fds -d 'Give the program so many open files of ours, from descriptor 3 on' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s u -l user -d 'The user, and the group: name|uid[:group|gid]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s w -l workdir -d 'The directory that the program starts in' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s d -l detach -d 'Run in the background'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s i -l interactive -d 'Keep standard input open'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l privileged -d 'Give the program every privilege that the user has'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s t -l tty -d 'Give the program a terminal'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exists" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to a file instead of standard output' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from export" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from init" -s a -l all -d 'Initialize every container that is not, and does not run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from init" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from init" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Print through a Go template, or \'json\' for one line each' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -s s -l size -d 'Show how much room a container takes: SizeRw its own files, SizeRootFs those and its image\'s'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -s s -l signal -d 'The signal, by name or number' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -s a -l all -d 'Signal every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l since -d 'Show only what was written since a time, or since a duration ago' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s n -l tail -d 'Show only so many lines from the end' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l until -d 'Show only what was written before a time, or before a duration ago' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l details -d 'Show the labels and variables that the log driver was told to note'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on showing what is written'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s t -l timestamps -d 'Show when each line was written'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -s a -l all -d 'Mount every container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from pause" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from pause" -s a -l all -d 'Pause every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from pause" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from pause" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from port" -s a -l all -d 'Show the ports of every container, with its id'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from port" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from port" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Show only containers that meet a condition: name=web, status=exited, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s n -l last -d 'Show the n newest containers, also those that do not run' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l sort -d 'Sort by command, created, id, image, names, runningfor, size or status' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all containers, not only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s l -l latest -d 'Show the newest container, also if it does not run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Show ids, commands and mounts in full'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s s -l size -d 'Show how much room each container\'s own files take, and those with its image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s f -l filter -d 'Show only containers that meet a condition: name=web, status=exited, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s n -l last -d 'Show the n newest containers, also those that do not run' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l sort -d 'Sort by command, created, id, image, names, runningfor, size or status' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all containers, not only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s l -l latest -d 'Show the newest container, also if it does not run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l no-trunc -d 'Show ids, commands and mounts in full'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s s -l size -d 'Show how much room each container\'s own files take, and those with its image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s f -l filter -d 'Show only containers that meet a condition: name=web, status=exited, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s n -l last -d 'Show the n newest containers, also those that do not run' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l sort -d 'Sort by command, created, id, image, names, runningfor, size or status' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s a -l all -d 'Show all containers, not only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s l -l latest -d 'Show the newest container, also if it does not run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l no-trunc -d 'Show ids, commands and mounts in full'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s s -l size -d 'Show how much room each container\'s own files take, and those with its image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s f -l filter -d 'Restart the containers that meet a condition, as of ps: name=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s s -l signal -d 'The signal to ask with' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s t -l timeout -d 'Seconds to wait before the container is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s a -l all -d 'Restart every container, whatever its state'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -l running -d 'Restart every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rename" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -l filter -d 'Remove the containers that meet a condition, as of ps: name=web, status=exited' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s t -l time -d 'With --force, seconds to wait after the stop signal before it is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s a -l all -d 'Remove every container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -l depend -d 'Remove the containers too that share its namespaces or require it'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s f -l force -d 'Kill it first if it runs; one that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s i -l ignore -d 'One that is not there is no failure, and is not told'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s v -l volumes -d 'Remove its anonymous volumes too'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -l filter -d 'Remove the containers that meet a condition, as of ps: name=web, status=exited' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s t -l time -d 'With --force, seconds to wait after the stop signal before it is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s a -l all -d 'Remove every container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -l depend -d 'Remove the containers too that share its namespaces or require it'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s f -l force -d 'Kill it first if it runs; one that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s i -l ignore -d 'One that is not there is no failure, and is not told'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s v -l volumes -d 'Remove its anonymous volumes too'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l add-host -d 'Add a line to /etc/hosts: name:address, or name:host-gateway' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l annotation -d 'Add an annotation to the container\'s specification' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cap-add -d 'Add a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cap-drop -d 'Drop a Linux capability' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cidfile -d 'Write the container\'s id to a file that must not exist yet' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device -d 'Make a device of the host available: host[:container[:rwm]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l dns -d 'Use a name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l dns-option -l dns-opt -d 'Set an option of the resolver' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l dns-search -d 'Search a domain for short host names' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l domainname -d 'The container\'s NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l entrypoint -d 'Run this instead of the image\'s entry point; an empty one clears it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s e -l env -d 'Set a variable; without a value, pass ours on' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l env-file -d 'Read variables from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l expose -d 'Note that the container listens on a port or a range of ports' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l gidmap -d 'Map group ids: [+]container:[@]host[:count]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l group-add -d 'Add a supplementary group; keep-groups keeps yours' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-cmd -d 'Check the container\'s health with this: a line for its shell, or a JSON array' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-interval -d 'The time between two checks (default 30s); \'disable\' checks only when healthcheck run asks' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-log-destination -d 'Where results are kept: local, with the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-max-log-count -d 'How many results are kept (default 5); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-max-log-size -d 'How many bytes are kept of what each check says (default 4096); 0 keeps as many as there is room for' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-on-failure -d 'What is done with an unhealthy container: none, kill, restart or stop' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-retries -d 'The failures in a row that make a container unhealthy (default 3)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-start-interval -d 'The time between two checks while the container starts (default 5s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-start-period -d 'The time that the container has to start before failures count' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-timeout -d 'The time that one check may take (default 30s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s h -l hostname -d 'The container\'s host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l isolation -d 'How the container is kept apart: default, the only way on Linux' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s l -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l label-file -d 'Read labels from a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l log-driver -d 'Where the container\'s output is kept: json-file, k8s-file, local, journald, none or passthrough' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l log-opt -d 'Set an option of the log driver: max-size=, max-file=, labels=, env=, tag= or path=' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ip -d 'The container\'s IPv4 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ip6 -d 'The container\'s IPv6 address on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l mac-address -d 'The hardware address of the container\'s network interface' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l mount -d 'Mount something: type=bind|volume|tmpfs|image|glob|devpts|ramfs,source=PATH,target=PATH[,readonly]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l name -d 'The container\'s name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l network -l net -d 'The container\'s network: the name of one or several, each with :alias=NAME,ip=ADDRESS,mac=ADDRESS; or none, host, slirp4netns[:options] or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l network-alias -l net-alias -d 'Another name for the container on its network' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l oom-score-adj -d 'How readily the kernel kills the container when memory is short, -1000 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l platform -d 'The platform of the image: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s p -l publish -d 'Publish a port: [[ip:]host:]container[/protocol], also ranges' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pull -d 'Pull the image before: always, missing or never' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l restart -d 'What follows when the container ends: no, on-failure[:retries], always or unless-stopped' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l runtime -d 'The OCI runtime: coracle itself' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l secret -d 'Show a secret: name[,type=mount|env][,target=][,uid=,gid=,mode=]; as a file it is in /run/secrets' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l security-opt -d 'Change the isolation: seccomp=, apparmor=, no-new-privileges, mask=, unmask=, systempaths=' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l shm-size -d 'The size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l stop-signal -d 'The signal that stops the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l stop-timeout -d 'Seconds to wait after that before the container is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l storage-opt -d 'Options of the storage driver: there are none' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l subgidname -d 'Map the group ids that /etc/subgid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l subuidname -d 'Map the user ids that /etc/subuid gives to a name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l sysctl -d 'Set a kernel parameter of the container\'s namespaces' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l timeout -d 'Seconds that the container may run before it is killed' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l tmpfs -d 'Mount a tmpfs: target[:options]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l uidmap -d 'Map user ids: [+]container:[@]host[:count], where host counts 0 for you and 1 up for your subordinate ids, with @ as the host does' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ulimit -d 'Set a limit of the container\'s processes: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s u -l user -d 'The user, and the group: name|uid[:group|gid]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l userns -d 'The user namespace: host, keep-id[:uid=,gid=,size=] (you are the same user inside), auto[:size=,uidmapping=, gidmapping=] (ids of its own), nomap (you are nobody inside), container:NAME or ns:PATH' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s v -l volume -d 'Mount a directory of the host or a volume: [source:]target[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l volume-driver -d 'The driver of new volumes; there is only the local one' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l volumes-from -d 'Mount what another container mounts: container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s w -l workdir -d 'The directory that the program starts in' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l blkio-weight -d 'The container\'s share of the disks\' time, 10 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l blkio-weight-device -d 'The container\'s share of one disk\'s time: device:weight' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-period -d 'The period that --cpu-quota is a part of, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-quota -d 'How long the container may run in each period, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s c -l cpu-shares -d 'The container\'s share of the processors while others want them too; 1024 is usual' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpus -d 'How many processors\' time the container may take, such as 1.5' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpuset-cpus -d 'The processors that the container may run on: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpuset-mems -d 'The nodes that the container may take memory of: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-read-bps -d 'Limit what is read of a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-read-iops -d 'Limit how often a device is read: device:reads-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-write-bps -d 'Limit what is written to a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-write-iops -d 'Limit how often a device is written: device:writes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s m -l memory -d 'How much memory the container may take' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-reservation -d 'How much memory the container is left when the host is short of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-swap -d 'Memory and swap together: as much, or -1 for all the swap there is' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-swappiness -d 'How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pids-limit -d 'How many processes the container may have; -1 for no limit' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroup-conf -d 'Write to a file of the container\'s control group: memory.high=1073741824' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroup-parent -d 'Make the container\'s control group beneath another: a slice of systemd, or with cgroupfs a path' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroups -d 'Make a control group for the container: enabled, disabled, no-conmon (the supervisor stays where it is started) or split (beneath the unit that it is started in); usually one is made where a limit needs it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l group-entry -d 'The line of /etc/group for the container\'s group, with $GROUPNAME, $GID and $USERLIST' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l hostuser -d 'Make a user of the host known inside' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l passwd-entry -d 'The line of /etc/passwd for the container\'s user, with $USERNAME, $UID, $GID, $NAME and $HOME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l arch -d 'The architecture of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l chrootdirs -d 'Show a directory that is a root of its own the same hosts, hostname and resolv.conf, in its etc' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l conmon-pidfile -d 'Write the id of the supervisor\'s process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l env-merge -d 'Set a variable by what the image has: PATH=${PATH}:/more' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l hosts-file -d 'Begin /etc/hosts with this file\'s lines; \'none\' begins with nothing' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l image-volume -d 'What becomes of the volumes that the image declares: anonymous, tmpfs or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l init-path -d 'With --init, take this program of the host as the init' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l os -d 'The operating system of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pidfile -d 'Write the id of the container\'s first process to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l requires -d 'Start another container before this one whenever it is started' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l sdnotify -d 'Who tells systemd, which has started this command, that the container is ready: container (its program, by NOTIFY_SOCKET), conmon (once the program runs), healthy (once a health check succeeds) or ignore' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l systemd -d 'Give systemd, as the first process, what it needs: true (if the program is called so, or init), always or false' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l tz -d 'The time zone: a name such as Europe/Vienna, or \'local\' for the host\'s' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l umask -d 'The file mode creation mask of the container\'s processes, in octal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l unsetenv -d 'Take a variable of the image away' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l variant -d 'The variant of the image\'s architecture' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroupns -d 'The control groups that the container sees as its own: private or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ipc -d 'Shared memory and message queues: private, shareable, none, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pid -d 'The processes that the container sees: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l uts -d 'The host and domain name: private, host or container:NAME' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s a -l attach -d 'Attach to a stream: stdin, stdout or stderr' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l preserve-fd -d 'Give the program open files of ours, under the same numbers' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l preserve-fds -d 'Give the program so many open files of ours, from descriptor 3 on' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l disable-content-trust -d 'Skip checks of signatures, which are never made (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l no-healthcheck -d 'Make no health checks, whatever the image says'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l init -d 'Run a small init inside, which passes signals on and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s i -l interactive -d 'Keep standard input open'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l privileged -d 'Give every privilege that the user has'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s P -l publish-all -d 'Publish every exposed port on a port that is free'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Do not show how the pull goes on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l read-only -d 'Mount the root filesystem read-only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l rm -d 'Remove the container and its anonymous volumes when it ends; attached, end it when this command is killed'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l rootfs -d 'Take a directory as the root filesystem, instead of an image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s t -l tty -d 'Give the container a terminal'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l passwd -d 'Add lines for the user to /etc/passwd and /etc/group (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l env-host -d 'Pass all our variables on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l http-proxy -d 'Pass our proxy variables on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l read-only-tmpfs -d 'With --read-only, keep /run, /tmp and /var/tmp writable in memory'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l replace -d 'Remove a container that has the name'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l unsetenv-all -d 'Take every variable of the image away'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s d -l detach -d 'Run in the background and print the container\'s id'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l rmi -d 'When the container has ended, remove it, and its image too unless another container uses that'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l sig-proxy -d 'Pass signals on to the program (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l detach-keys -d 'The keys that detach from the container\'s terminal' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s f -l filter -d 'Start the containers that meet a condition, as of ps: name=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l all -d 'Start every container, whatever its state'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s a -l attach -d 'Attach to standard output and error, and pass signals on'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s i -l interactive -d 'Attach to standard input too'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l sig-proxy -d 'Attached, pass signals on to the program (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -s i -l interval -d 'Seconds between two looks' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -s a -l all -d 'Show all containers, not only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l no-reset -d 'Do not clear the screen between two looks'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l no-stream -d 'Look once, over a second'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s f -l filter -d 'Stop the containers that meet a condition, as of ps: name=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s s -l signal -d 'The signal to ask with' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s t -l timeout -d 'Seconds to wait before the container is killed; -1 waits for ever' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s a -l all -d 'Stop every container that runs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s i -l ignore -d 'A container that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from top" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from top" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unmount" -s a -l all -d 'Unmount every container that is mounted'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unmount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from umount" -s a -l all -d 'Unmount every container that is mounted'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from umount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unpause" -l cidfile -d 'Take the container whose id is in this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unpause" -s a -l all -d 'Let every container go on that is paused'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unpause" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unpause" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l restart -d 'What follows when the container ends: no, on-failure[:retries], always or unless-stopped' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l blkio-weight -d 'The container\'s share of the disks\' time, 10 to 1000' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l blkio-weight-device -d 'The container\'s share of one disk\'s time: device:weight' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpu-period -d 'The period that --cpu-quota is a part of, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpu-quota -d 'How long the container may run in each period, in microseconds' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -s c -l cpu-shares -d 'The container\'s share of the processors while others want them too; 1024 is usual' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpus -d 'How many processors\' time the container may take, such as 1.5' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpuset-cpus -d 'The processors that the container may run on: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpuset-mems -d 'The nodes that the container may take memory of: 0-3, or 0,1' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l device-read-bps -d 'Limit what is read of a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l device-read-iops -d 'Limit how often a device is read: device:reads-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l device-write-bps -d 'Limit what is written to a device: device:bytes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l device-write-iops -d 'Limit how often a device is written: device:writes-per-second' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -s m -l memory -d 'How much memory the container may take' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l memory-reservation -d 'How much memory the container is left when the host is short of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l memory-swap -d 'Memory and swap together: as much, or -1 for all the swap there is' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l memory-swappiness -d 'How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l pids-limit -d 'How many processes the container may have; -1 for no limit' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -l condition -d 'Wait for this: not-running, next-exit, removed, a state or a health' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -s i -l interval -d 'How often to look, for podman\'s scripts: the end is heard of at once' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -l ignore -d 'One that is not there is no failure, and shows -1'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -s l -l latest -d 'Take the container that was created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand healthcheck; and not __fish_seen_subcommand_from run" -f -a "run" -d 'Check the health of a container now'
complete -c coracle -n "__fish_coracle_using_subcommand healthcheck; and __fish_seen_subcommand_from run" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "exists" -d 'Say by the exit code whether an image exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "history" -d 'Show the history of an image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "diff" -d 'Inspect changes that an image\'s topmost layer, or the image, makes to another'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "mount" -d 'Mount images\' filesystems for reading'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "unmount" -d 'Unmount images\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "umount" -d 'Unmount images\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "prune" -d 'Remove unused images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "ls" -d 'List images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "list" -d 'List images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "scp" -d 'Copy an image to or from another machine over ssh'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "import" -d 'Import a tar archive of files to make an image of it'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "inspect" -d 'Display detailed information on one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "load" -d 'Load images from a tar archive or from standard input'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "pull" -d 'Download an image from a registry'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "push" -d 'Upload an image to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "rm" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "remove" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "save" -d 'Save images to a tar archive (streamed to standard output by default)'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from build exists history diff mount unmount umount prune ls list scp import inspect load pull push rm remove save tag" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l format -d 'The format of the image: oci, which it is' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l layers -d 'Keep what each step has made for later builds: it is, without --no-cache' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l provenance -d 'Add an attestation of how the image was made: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l sbom -d 'Add a list of what is in the image: false, there is none' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l add-host -d 'Add a line to /etc/hosts of the steps: host:ip' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l allow -d 'Allow what is not by default: security.insecure, network.host' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l annotation -d 'Add an annotation to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l build-arg -d 'Set a build argument; without a value it is taken from the environment' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l build-context -d 'Name another context: name=DIRECTORY, name=URL or name=docker-image://IMAGE' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l cache-from -d 'Take over what other builds have cached: an image, or type=registry,ref=IMAGE or type=local,src=DIRECTORY' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l cache-to -d 'Bring what is cached to type=registry,ref=IMAGE, type=local,dest=DIRECTORY or type=inline, with mode=max all of it' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l cap-add -d 'Add a Linux capability to the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l cap-drop -d 'Take a Linux capability from the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l dns -d 'Ask this name server' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -s f -l file -d 'The Dockerfile (default PATH/Dockerfile, else PATH/Containerfile); "-" is standard input' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l jobs -d 'Do at most so many steps at once' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l label -d 'Add a label to the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l network -d 'The network of the steps: default, none or host' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l no-cache-filter -d 'Do the steps of these stages again' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l platform -d 'The platforms to build for: os[/architecture[/variant]]; several become one name' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l pull -d 'Look for newer images at their registries' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l rm -d 'Remove intermediate containers: there are never any' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l secret -d 'Give the steps a secret: id=ID[,src=FILE][,env=NAME][,type=file|env]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l shm-size -d 'The size of /dev/shm in the steps' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l source-date-epoch -l timestamp -d 'No time in the image is later than this, in seconds since 1970 (default $SOURCE_DATE_EPOCH)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l ssh -d 'Let the steps use an ssh agent: default or ID[=SOCKET]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -s t -l tag -d 'Name the image; may be repeated' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l target -d 'Build this stage instead of the last' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l ulimit -d 'Limit what a step\'s process may use: name=soft[:hard]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -s v -l volume -d 'Mount a directory of the host in every step: host:container[:ro]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -s o -l output -d 'What is made: a directory, "-", or type=image|local|tar|oci|docker[,dest=PATH]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l iidfile -d 'Write the image\'s id to a file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l metadata-file -d 'Write what is known of the image to a file, as JSON' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l progress -d 'How progress is shown: auto, plain, tty, rawjson or quiet' -r -f -a "auto\t''
plain\t''
tty\t''
rawjson\t''
quiet\t''"
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l rewrite-timestamp -d 'Give files the time of --source-date-epoch too: they have it'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l force-rm -d 'Remove intermediate containers: there are never any'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l load -d 'Keep the result in the local store: it always is, unless --output says otherwise'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l no-cache -d 'Do every step again'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l squash -d 'Make one layer of all that is built'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l push -d 'Send the image to the registries of its names'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l check -d 'Look for mistakes and bad habits in the Dockerfile, and build nothing'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print nothing but the image\'s id'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from build" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from exists" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l platform -d 'Of an image for several platforms the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -s H -l human -d 'Print sizes and times for people (default true)'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l no-trunc -d 'Show ids and instructions in full'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from diff" -l format -d 'Print in another form: json' -r -f -a "json\t''"
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from diff" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from mount" -l format -d 'Print in another form: json' -r -f -a "json\t''"
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from mount" -s a -l all -d 'Mount every image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from mount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from unmount" -s a -l all -d 'Unmount every image that is mounted'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from unmount" -s f -l force -d 'Unmount it however often it was mounted, which is what is always done'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from unmount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from umount" -s a -l all -d 'Unmount every image that is mounted'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from umount" -s f -l force -d 'Unmount it however often it was mounted, which is what is always done'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from umount" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only images that meet a condition: until=24h, label=a=b, label!=a, dangling=false' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove images with a tag too'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Show only images that meet a condition: dangling=true, reference=busy*, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all images; there are no intermediate ones to hide'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l digests -d 'Show digests'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l tree -d 'Show the platforms of each image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -s f -l filter -d 'Show only images that meet a condition: dangling=true, reference=busy*, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all images; there are no intermediate ones to hide'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l digests -d 'Show digests'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l no-trunc -d 'Show ids in full'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print ids only'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l tree -d 'Show the platforms of each image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from scp" -s q -l quiet -d 'Show no bars'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from scp" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -s c -l change -d 'Apply a Dockerfile instruction to the image: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -s m -l message -d 'Say where it comes from, in the image\'s history' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -l platform -d 'The platform of the image: os[/architecture[/variant]]; this machine\'s unless given' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print nothing but the image\'s id: there is never more'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Print through a Go template, or \'json\' for one line each' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from inspect" -l platform -d 'Of an image for several platforms the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -s i -l input -d 'Read from a file or a directory instead of standard input' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -l platform -d 'Of images for several platforms the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -s q -l quiet -d 'Show no bars'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l platform -d 'The platform of the image: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -s a -l all-tags -d 'Pull every tag of the repository'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Print only the image\'s name in full'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l digestfile -d 'Write the digest of the pushed image to this file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l platform -d 'Push one image alone, where the name stands for several: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -s a -l all-tags -d 'Push every tag of the repository'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Print only the image\'s name in full'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -l platform -d 'Of an image for several platforms only the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -s f -l force -d 'Remove an image that ended containers refer to; one that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -l platform -d 'Of an image for several platforms only the one for this: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -s f -l force -d 'Remove an image that ended containers refer to; one that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -l format -d 'What to write: docker-archive, which is an OCI layout too, oci-archive, oci-dir or docker-dir' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -s o -l output -d 'Write to a file, or make a directory, instead of writing to standard output' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -l platform -d 'The image for this platform: os[/architecture[/variant]]' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -l compress -d 'Compress the layers that are not compressed, with --format docker-dir'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -s m -l multi-image-archive -d 'Take every name for an image of its own, as is always done'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -s q -l quiet -d 'Say nothing, as is always done'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from tag" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "connect" -d 'Connect a container to a network'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "create" -d 'Create a network'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "disconnect" -d 'Disconnect a container from a network'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "inspect" -d 'Display detailed information on one or more networks'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "ls" -d 'List networks'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "list" -d 'List networks'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "prune" -d 'Remove all unused networks'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "rm" -d 'Remove one or more networks'
complete -c coracle -n "__fish_coracle_using_subcommand network; and not __fish_seen_subcommand_from connect create disconnect inspect ls list prune rm remove" -f -a "remove" -d 'Remove one or more networks'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from connect" -l alias -d 'Another name for the container on this network' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from connect" -l ip -d 'The container\'s IPv4 address' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from connect" -l ip6 -d 'The container\'s IPv6 address' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from connect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l dns -d 'A name server to ask instead of the host\'s' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -s d -l driver -d 'The driver; there is only bridge' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l gateway -d 'The bridge\'s own address, by which containers leave the network' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l ip-range -d 'The part of the subnet that addresses are picked from' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -s o -l opt -d 'Set an option of the driver: mtu=BYTES, keep_source=false to show clients of published ports as the gateway' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l subnet -d 'The network\'s addresses, such as 10.5.0.0/24' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l attachable -d 'Allow containers to be attached by hand, which they always may'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l disable-dns -d 'Give the containers no names of each other'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l internal -d 'Let nothing out of the network'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l ipv6 -d 'Give containers IPv6 addresses too'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from disconnect" -s f -l force -d 'A container that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from disconnect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Print through a Go template, or \'json\' for one line each' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from inspect" -s v -l verbose -d 'Accepted for docker\'s sake: there is no more to say'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Show only networks that meet a condition: driver=, id=, label=, name=, scope=, type=custom' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from ls" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from ls" -s n -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print ids only, of volumes names'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Do not shorten ids'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from list" -s f -l filter -d 'Show only networks that meet a condition: driver=, id=, label=, name=, scope=, type=custom' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from list" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from list" -s n -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print ids only, of volumes names'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from list" -l no-trunc -d 'Do not shorten ids'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only networks that meet a condition: label=a=b, label!=a, until=24h' -r
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from rm" -s f -l force -d 'One that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from remove" -s f -l force -d 'One that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "add" -d 'Add an image to a manifest list; one that is not here is pulled'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "annotate" -d 'Say more of an image in a manifest list'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "create" -d 'Create a local manifest list'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "exists" -d 'Say by the exit code whether a manifest list exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "inspect" -d 'Display a manifest list, or the manifest of an image'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "push" -d 'Push a manifest list and its images to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "remove" -d 'Remove an image from a manifest list'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and not __fish_seen_subcommand_from add annotate create exists inspect push remove rm" -f -a "rm" -d 'Remove manifest lists from local storage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l annotation -d 'Say something of the image: NAME=VALUE' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l arch -d 'The architecture of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l os -d 'The operating system of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l os-features -d 'What the image needs of its operating system' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l os-version -d 'The version of the operating system' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l variant -d 'The variant of the architecture' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l all -d 'Add every platform that the image has here, not this machine\'s alone'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from add" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l annotation -d 'Say something of the image: NAME=VALUE' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l arch -d 'The architecture of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l os -d 'The operating system of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l os-features -d 'What the image needs of its operating system' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l os-version -d 'The version of the operating system' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l variant -d 'The variant of the architecture' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from annotate" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l all -d 'Add every platform that an image has here, not this machine\'s alone'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -s a -l amend -d 'Add to a list that exists'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from exists" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l authfile -d 'Look for credentials in this file alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l cert-dir -d 'Look for the registry\'s certificates in this directory alone' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l creds -d 'Use these credentials' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l retry -d 'How often to try again after a failure (default 4)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l retry-delay -d 'How long to wait before the second try (default 500ms); each further one doubles it' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l tls-verify -d 'Check the registry\'s certificate (default true)' -r
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l all -d 'Push the images of the list too, as is always done'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -s p -l purge -l rm -d 'Remove the list once it is pushed'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Print only the digest'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from push" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand manifest; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "create" -d 'Create a secret from a file or standard input'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "exists" -d 'Say by the exit code whether a secret exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "inspect" -d 'Display detailed information on one or more secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "ls" -d 'List secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "list" -d 'List secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "rm" -d 'Remove one or more secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and not __fish_seen_subcommand_from create exists inspect ls list rm remove" -f -a "remove" -d 'Remove one or more secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from create" -s d -l driver -d 'The driver; there is only the one that keeps files of yours alone, unencrypted' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from create" -s l -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from create" -l ignore -d 'Leave a secret that has the name as it is, and show its id'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from create" -l env -d 'Take the data from the variable that is named in place of the file'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from create" -l replace -d 'Replace a secret that has the name'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from exists" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Print through a Go template, or \'json\' for one line each' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from inspect" -l pretty -d 'Print lines for people instead of JSON'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from inspect" -l showsecret -d 'Show the data too'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Show only secrets that meet a condition: name=db, id=5f3, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from ls" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from ls" -s n -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print ids only, of volumes names'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from list" -s f -l filter -d 'Show only secrets that meet a condition: name=db, id=5f3, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from list" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from list" -s n -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print ids only, of volumes names'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from rm" -s a -l all -d 'Remove all secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from rm" -s i -l ignore -d 'One that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from remove" -s a -l all -d 'Remove all secrets'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from remove" -s i -l ignore -d 'One that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand secret; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "doctor" -d 'Examine this host, and say what mends what it lacks'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "events" -d 'Get real time events'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "info" -d 'Display system-wide information'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "restart-all" -d 'Start the containers that come back after a reboot'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "check" -d 'Check the store for damage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "df" -d 'Show disk usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from doctor events info restart-all check df prune" -f -a "prune" -d 'Remove unused data'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from doctor" -l json -d 'Print as JSON'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from doctor" -l online -d 'Also ask the registries whether they answer'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from doctor" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -s f -l filter -d 'Show only events that meet a condition: type=container, event=die, container=web, label=a=b' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l format -d 'Print in another form: \'json\' or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l since -d 'Show what has happened since a time, or since a duration ago, too' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l until -d 'End at a time, or show only what happened before a duration ago' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from info" -s f -l format -d 'Print through a Go template, or \'json\'' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from info" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from restart-all" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from check" -s f -l force -d 'With --repair, also remove containers that are damaged or made from an image that is lost'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from check" -s q -l quick -d 'Look at what is there and how large it is, not at every byte'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from check" -s r -l repair -d 'Mend what is damaged: fetch it again, unpack it again, or remove it'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from check" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from df" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from df" -s v -l verbose -d 'Show each image, container and volume'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from df" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only what meets a condition: until=24h, label=a=b, label!=a' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused images, not only those without a tag'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -l volumes -d 'Remove volumes that were made without a name too'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "exists" -d 'Say by the exit code whether a volume exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "create" -d 'Create a volume'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "export" -d 'Export the contents of a volume as a tar archive'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "import" -d 'Import a tar archive into a volume that exists'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "inspect" -d 'Display detailed information on one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "ls" -d 'List volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "list" -d 'List volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "prune" -d 'Remove unused local volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "rm" -d 'Remove one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from exists create export import inspect ls list prune rm remove" -f -a "remove" -d 'Remove one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from exists" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -s d -l driver -d 'The driver; there is only the local one' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -l label -d 'Set a label' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -s o -l opt -d 'Set an option of the driver: type=tmpfs, or type=none with o=bind and device=PATH, or o=uid=N,gid=N' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -l name -d 'The name' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to a file instead of standard output' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from export" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from import" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Print through a Go template, or \'json\' for one line each' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Show only volumes that meet a condition: dangling=true, name=data, label=a=b, driver=local' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -s n -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print ids only, of volumes names'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -s f -l filter -d 'Show only volumes that meet a condition: dangling=true, name=data, label=a=b, driver=local' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -l format -d 'Print in another form: \'table TEMPLATE\', \'json\', or a Go template' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -s n -l noheading -d 'Print no headings'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print ids only, of volumes names'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -l filter -d 'Remove only volumes that meet a condition: label=a=b, label!=a' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove volumes with a name too'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not ask'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from rm" -s a -l all -d 'Remove every volume'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from rm" -s f -l force -d 'One that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from remove" -s a -l all -d 'Remove every volume'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from remove" -s f -l force -d 'One that is not there is no failure'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "commit" -d 'Create a new image from a container\'s changes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "completion" -d 'Generate the autocompletion script for a shell'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "cp" -d 'Copy files between a container and the host'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "create" -d 'Create a new container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "diff" -d 'Inspect changes to files or directories on a container\'s filesystem'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "doctor" -d 'Examine this host, and say what mends what it lacks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "events" -d 'Get real time events'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "exec" -d 'Execute a command in a running container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "export" -d 'Export a container\'s filesystem as a tar archive'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "history" -d 'Show the history of an image'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "images" -d 'List images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "import" -d 'Import a tar archive of files to make an image of it'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "info" -d 'Display system-wide information'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "init" -d 'Initialize one or more containers: all but the start of their programs'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "inspect" -d 'Return low-level information on containers, images and volumes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "kill" -d 'Kill one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "load" -d 'Load images from a tar archive or from standard input'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "login" -d 'Authenticate to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "logout" -d 'Log out from a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "logs" -d 'Fetch the logs of a container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "mount" -d 'Mount containers\' filesystems for reading'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "pause" -d 'Pause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "ps" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "pull" -d 'Download an image from a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "restart" -d 'Restart one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "push" -d 'Upload an image to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "rename" -d 'Rename a container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "rm" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "rmi" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "run" -d 'Create and run a new container from an image'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "save" -d 'Save images to a tar archive (streamed to standard output by default)'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "search" -d 'Search registries for images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "start" -d 'Start one or more stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "stats" -d 'Display a live stream of container(s) resource usage statistics'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "stop" -d 'Stop one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "top" -d 'Display the running processes of a container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "unmount" -d 'Unmount containers\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "unpause" -d 'Unpause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "unshare" -d 'Run a command in a modified user namespace'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "update" -d 'Update configuration of one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "version" -d 'Show the version information'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "builder" -d 'Manage builds'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "buildx" -d 'Manage builds, by docker\'s other name'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "container" -d 'Manage containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "healthcheck" -d 'Manage health checks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "image" -d 'Manage images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "network" -d 'Manage networks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "manifest" -d 'Manage lists of images for several platforms'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "secret" -d 'Manage secrets'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "system" -d 'Manage coracle'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "volume" -d 'Manage volumes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and not __fish_seen_subcommand_from attach build commit completion cp create diff doctor events exec export history images import info init inspect kill load login logout logs mount pause port ps pull restart push rename rm rmi run save search start stats stop tag top unmount unpause unshare update version wait builder buildx container healthcheck image network manifest secret system volume help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from builder" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from builder" -f -a "du" -d 'Show how much room the build cache takes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from builder" -f -a "prune" -d 'Remove the build cache'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from buildx" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from buildx" -f -a "du" -d 'Show how much room the build cache takes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from buildx" -f -a "prune" -d 'Remove the build cache'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "commit" -d 'Create a new image from a container\'s changes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "prune" -d 'Remove all stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "cp" -d 'Copy files between a container and the host'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "create" -d 'Create a new container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "diff" -d 'Inspect changes to files or directories on a container\'s filesystem'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "exec" -d 'Execute a command in a running container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "exists" -d 'Say by the exit code whether a container exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "export" -d 'Export a container\'s filesystem as a tar archive'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "init" -d 'Initialize one or more containers: all but the start of their programs'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "inspect" -d 'Display detailed information on one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "kill" -d 'Kill one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "logs" -d 'Fetch the logs of a container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "mount" -d 'Mount containers\' filesystems for reading'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "pause" -d 'Pause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "ls" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "restart" -d 'Restart one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "rename" -d 'Rename a container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "rm" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "run" -d 'Create and run a new container from an image'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "start" -d 'Start one or more stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "stats" -d 'Display a live stream of container(s) resource usage statistics'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "stop" -d 'Stop one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "top" -d 'Display the running processes of a container'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "unmount" -d 'Unmount containers\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "unpause" -d 'Unpause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "update" -d 'Update configuration of one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from container" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from healthcheck" -f -a "run" -d 'Check the health of a container now'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "exists" -d 'Say by the exit code whether an image exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "history" -d 'Show the history of an image'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "diff" -d 'Inspect changes that an image\'s topmost layer, or the image, makes to another'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "mount" -d 'Mount images\' filesystems for reading'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "unmount" -d 'Unmount images\' filesystems'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "prune" -d 'Remove unused images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "ls" -d 'List images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "scp" -d 'Copy an image to or from another machine over ssh'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "import" -d 'Import a tar archive of files to make an image of it'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "inspect" -d 'Display detailed information on one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "load" -d 'Load images from a tar archive or from standard input'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "pull" -d 'Download an image from a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "push" -d 'Upload an image to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "rm" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "save" -d 'Save images to a tar archive (streamed to standard output by default)'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "connect" -d 'Connect a container to a network'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "create" -d 'Create a network'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "disconnect" -d 'Disconnect a container from a network'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "inspect" -d 'Display detailed information on one or more networks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "ls" -d 'List networks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "prune" -d 'Remove all unused networks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "rm" -d 'Remove one or more networks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "add" -d 'Add an image to a manifest list; one that is not here is pulled'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "annotate" -d 'Say more of an image in a manifest list'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "create" -d 'Create a local manifest list'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "exists" -d 'Say by the exit code whether a manifest list exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "inspect" -d 'Display a manifest list, or the manifest of an image'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "push" -d 'Push a manifest list and its images to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "remove" -d 'Remove an image from a manifest list'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "rm" -d 'Remove manifest lists from local storage'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "create" -d 'Create a secret from a file or standard input'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "exists" -d 'Say by the exit code whether a secret exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "inspect" -d 'Display detailed information on one or more secrets'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "ls" -d 'List secrets'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "rm" -d 'Remove one or more secrets'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "doctor" -d 'Examine this host, and say what mends what it lacks'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "events" -d 'Get real time events'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "info" -d 'Display system-wide information'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "restart-all" -d 'Start the containers that come back after a reboot'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "check" -d 'Check the store for damage'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "df" -d 'Show disk usage'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from system" -f -a "prune" -d 'Remove unused data'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "exists" -d 'Say by the exit code whether a volume exists: 0 or 1'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "create" -d 'Create a volume'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "export" -d 'Export the contents of a volume as a tar archive'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "import" -d 'Import a tar archive into a volume that exists'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "inspect" -d 'Display detailed information on one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "ls" -d 'List volumes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "prune" -d 'Remove unused local volumes'
complete -c coracle -n "__fish_coracle_using_subcommand help; and __fish_seen_subcommand_from volume" -f -a "rm" -d 'Remove one or more volumes'
