//! `sendstores ask` and `sendstores chat`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

const HOW: &str = "\
A model that you choose answers. It reads with your rights, by the tools that `sendstores mcp`
has. Nothing is changed without you: on a terminal each write is shown and asked for (a deletion
by its id typed back); without a terminal, or with --json, the model can only read.

What the model reads goes to its endpoint: ids, URLs, titles, labels, e-mail addresses and logs
of stores. The token of the server does not, and the key of the endpoint goes nowhere else.
`sendstores report` needs no model.";

#[derive(Args, Debug)]
#[command(after_help = format!("{HOW}

Examples:
  export SENDSTORES_AI_URL=http://127.0.0.1:8080/v1 SENDSTORES_AI_MODEL=NAME
  sendstores ask 'why is the shop of acme down?'
  sendstores ask 'what should I do first?' --ai-api anthropic --ai-model NAME \\
      --ai-url https://api.anthropic.com/v1 --ai-key-file ~/.config/sendstores/ai-key
  sendstores ask --json 'which stores are stuck?' | jq -r 'select(.type == \"answer\").text'"))]
pub(crate) struct AskArgs {
    /// The question.
    pub(crate) question: String,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args, Debug)]
#[command(after_help = format!("{HOW}

Each line is a question; `exit` or Ctrl-D ends. The model remembers what was said, at most 100 KiB of it.

Examples:
  sendstores chat
  sendstores chat --dry-run                  show what would be created and deleted, and do nothing
  sendstores chat --json < questions.txt"))]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// The model, and what it may cost.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArgs {
    /// Address of the model's endpoint, such as `https://api.openai.com/v1` or `http://127.0.0.1:8080/v1`.
    #[arg(long, env = "SENDSTORES_AI_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) ai_url: Option<String>,
    /// Format that the endpoint speaks.
    #[arg(long, env = "SENDSTORES_AI_API", hide_env_values = true, value_enum, value_name = "FORMAT", default_value_t = Api::OpenAi)]
    pub(crate) ai_api: Api,
    /// Name of the model, as the endpoint has it.
    #[arg(long, env = "SENDSTORES_AI_MODEL", hide_env_values = true, value_name = "NAME")]
    pub(crate) ai_model: Option<String>,
    /// File that has the key of the endpoint. It is sent over https:// only, or to this machine.
    #[arg(long, env = "SENDSTORES_AI_KEY_FILE", hide_env_values = true, value_name = "PATH")]
    pub(crate) ai_key_file: Option<PathBuf>,
    /// Time limit of one reply of the endpoint, repetitions included, and of what the tools of one reply take.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) turn_timeout: Duration,
    /// Tokens that one question may cost, as the endpoint counts them.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) max_tokens: u64,
    /// Have the server check each write, and do none.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The format of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Api {
    /// Chat completions, as of OpenAI, vLLM, llama.cpp and Ollama.
    #[value(name = "openai")]
    OpenAi,
    /// Messages, as of Anthropic.
    Anthropic,
}
