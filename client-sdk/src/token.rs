//! Where the token of a call comes from.

use std::{error::Error as StdError, fmt, fs, io::Read, path::Path, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tonic::metadata::{Ascii, MetadataValue};

use crate::error::Error;

/// The header that proves who calls.
pub(crate) type Bearer = MetadataValue<Ascii>;

type BoxError = Box<dyn StdError + Send + Sync>;
type Callback = dyn Fn() -> BoxFuture<'static, Result<String, BoxError>> + Send + Sync;

/// Far more than any token has, and little enough for a file that is none.
const MAX_TOKEN: u64 = 16 * 1024;

/// Where the token of a call comes from. It is asked for each call and each opening of a stream.
#[derive(Clone, Default)]
pub(crate) enum Tokens {
    /// Calls have none.
    #[default]
    None,
    /// One that stays; an error if no header can have it.
    Value(Result<Bearer, Error>),
    /// One that a file has.
    File(Arc<Path>),
    /// One that a function of the caller returns.
    Callback(Arc<Callback>),
}

// === impl Tokens ===

impl Tokens {
    pub(crate) fn value(token: &str) -> Self {
        Self::Value(bearer(token))
    }

    pub(crate) fn file(path: &Path) -> Self {
        Self::File(path.into())
    }

    pub(crate) fn callback<F, R, E>(token: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::Callback(Arc::new(move || {
            let token = token();
            Box::pin(async move { token.await.map_err(Into::into) })
        }))
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether another token may come from here, so that a refused one need not be the end.
    pub(crate) fn can_change(&self) -> bool {
        matches!(self, Self::File(_) | Self::Callback(_))
    }

    /// Finds out what cannot become right by itself.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Value(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The token as it is now.
    pub(crate) async fn current(&self, limit: Duration) -> Result<Option<Bearer>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Value(bearer) => bearer.clone().map(Some),
            // Read each time: a few microseconds, and no change is missed, however the file was replaced.
            Self::File(path) => {
                let token = read(path).map_err(|why| refused(format!("{}: {why}", path.display())))?;
                bearer(present(&token)?).map(Some)
            }
            Self::Callback(callback) => match tokio::time::timeout(limit, callback()).await {
                Ok(Ok(token)) => bearer(present(&token)?).map(Some),
                Ok(Err(error)) => Err(refused(chain(&*error))),
                Err(_) => Err(refused(format!("the function returned none within {limit:?}"))),
            },
        }
    }
}

/// Without the token, so that no log line can have it.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Value(_) => f.write_str("Value([hidden])"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Callback(_) => f.write_str("Callback"),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    // A pipe would hold the caller for as long as its writer likes.
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut text = String::new();
    file.take(MAX_TOKEN + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_TOKEN {
        return Err("it is too long for a token".to_owned());
    }
    Ok(text)
}

/// A file that is being written and a function that has nothing must not look like a caller without a token.
fn present(token: &str) -> Result<&str, Error> {
    if token.trim().is_empty() { Err(refused("it is empty".to_owned())) } else { Ok(token) }
}

/// The header; it is kept out of logs and of the compression's memory.
fn bearer(token: &str) -> Result<Bearer, Error> {
    let mut value = Bearer::try_from(format!("Bearer {}", token.trim()))
        .map_err(|_| refused("the token has characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn refused(why: String) -> Error {
    Error::Token { why }
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    async fn text(tokens: &Tokens) -> Result<String, String> {
        let bearer = tokens.current(LIMIT).await.map_err(|error| error.to_string())?;
        Ok(bearer.map(|bearer| bearer.to_str().expect("text").to_owned()).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_file_is_read_each_time_and_its_faults_are_named() {
        let folder = std::env::temp_dir().join(format!("sendstores-token-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("token");
        let tokens = Tokens::file(&path);
        assert!(text(&tokens).await.expect_err("no file").contains("No such file"));
        fs::write(&path, "sst_one\n").expect("write");
        assert_eq!(text(&tokens).await.as_deref(), Ok("Bearer sst_one"));
        fs::write(&path, "sst_two\n").expect("write");
        assert_eq!(text(&tokens).await.as_deref(), Ok("Bearer sst_two"));
        for (content, why) in
            [("\n".to_owned(), "empty"), ("a\nb".to_owned(), "characters"), ("x".repeat(20_000), "too long")]
        {
            fs::write(&path, content).expect("write");
            let error = text(&tokens).await.expect_err(why);
            assert!(error.contains(why), "{error}");
        }
        assert!(text(&Tokens::file(&folder)).await.expect_err("a folder").contains("not a file"));
        assert!(text(&Tokens::file(Path::new("/dev/zero"))).await.expect_err("a device").contains("not a file"));
        fs::remove_dir_all(&folder).expect("remove");
    }

    #[tokio::test]
    async fn a_function_is_asked_each_time_and_has_a_deadline() {
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = asked.clone();
        let tokens = Tokens::callback(move || {
            let number = counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move { if number < 2 { Ok(format!("sst_{number}")) } else { Err("the issuer is away") } }
        });
        assert_eq!(text(&tokens).await.as_deref(), Ok("Bearer sst_0"));
        assert_eq!(text(&tokens).await.as_deref(), Ok("Bearer sst_1"));
        assert_eq!(text(&tokens).await, Err("cannot get a token: the issuer is away".to_owned()));
        let never = Tokens::callback(std::future::pending::<Result<String, BoxError>>);
        let error = never.current(Duration::ZERO).await.expect_err("never");
        assert!(error.to_string().contains("none within"), "{error}");
    }

    #[test]
    fn no_token_is_shown() {
        let tokens = Tokens::value("sst_secret");
        assert!(!format!("{tokens:?}{:?}", tokens.check()).contains("secret"));
        let Tokens::Value(Ok(bearer)) = &tokens else { unreachable!("a good token") };
        assert!(!format!("{bearer:?}").contains("secret"));
    }
}
