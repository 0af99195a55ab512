
# What the generator does not know: the ids of stores, and the names of contexts.
_sendstores_values() {
    local -a values
    values=(${(f)"$(sendstores complete $1 -- ${words[@]} 2>/dev/null)"})
    compadd -a values
}

_sendstores_ids() {
    _sendstores_values ids
}

_sendstores_contexts() {
    _sendstores_values contexts
}
