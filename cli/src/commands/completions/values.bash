# What the generator does not know: the ids of stores, and the names of contexts.
_sendstores_values() {
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$(sendstores complete "$1" -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "$cur"))
}

_sendstores_or_values() {
    _sendstores "$@"
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word skip="" words=()
    [[ $cur != -* ]] || return 0
    [[ $previous != --context ]] || { _sendstores_values contexts; return 0; }
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $skip ]]; then
            skip=""
            continue
        fi
        case $word in
            --server | --context | --token-file | --ca | --cert | --key | --timeout | --wait-timeout) skip=1 ;;
            --state | --label | --tenant | --from | --etag | --request-id | --release) skip=1 ;;
            -*) ;;
            *) words+=("$word") ;;
        esac
    done
    # The value of a flag is no id.
    [[ ! $skip ]] || return 0
    case "${words[0]} ${words[1]} ${#words[@]}" in
        "get  1" | "credentials  1" | "suspend  1" | "resume  1" | "update  1" | "retry  1" | "cancel  1" | "delete  1" | "undelete  1" | "watch "*) _sendstores_values ids ;;
        "context use 2" | "context delete 2") _sendstores_values contexts ;;
    esac
}
