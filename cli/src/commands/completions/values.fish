# What the generator does not know: the ids of stores, and the names of contexts.
function __sendstores_values
    set -l words (commandline -opc)
    sendstores complete $argv[1] -- $words[2..] 2>/dev/null
end

complete -c sendstores -n "__fish_sendstores_using_subcommand get credentials suspend resume update retry cancel delete undelete watch" -f -a "(__sendstores_values ids)"
complete -c sendstores -n "__fish_sendstores_using_subcommand context; and __fish_seen_subcommand_from use delete" -f -a "(__sendstores_values contexts)"
complete -c sendstores -l context -r -f -a "(__sendstores_values contexts)"
