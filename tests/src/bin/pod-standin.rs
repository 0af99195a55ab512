//! What a simulated pod of the light cluster runs, and answers. A simulated node has no containers: it runs exec'd
//! programs on the host, from one folder only, where this program stands under the name `timeout`, which every exec of
//! ours begins with. It does what the image's programs do to the databases, to one small file for each namespace.
//!
//! `pod-standin serve` is the web server of all simulated pods at once (or of another address, `serve ADDRESS`). At `/standin/cron` it says how often a pod was
//! asked to do what it has scheduled; behind `/standin/cron/hang` no run of it comes to its end, until `/standin/cron/go`. After `/standin/catalogue/empty` it sells nothing, until `/standin/catalogue/sample`. tests/tests/e2e_store.rs proves the same
//! statements on the real pods; nothing in the product knows of this.

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::{Value, json};

const VERSION: &str = "11.0.1";

/// What each pod has scheduled, by the pod's address.
static CRON: Mutex<Option<HashMap<IpAddr, Cron>>> = Mutex::new(None);

#[derive(Default)]
struct Cron {
    /// How often it was asked.
    asked: u64,
    /// When a run last came to its end.
    ended: Option<Instant>,
    hangs: bool,
    /// The merchant has removed the sample product, and sells nothing yet.
    is_empty: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|verb| verb == "serve") {
        return serve(args.get(1).map_or("0.0.0.0:8080", String::as_str));
    }
    // timeout -k SECONDS SECONDS PROGRAM ...
    let argv = args.get(3..).unwrap_or_default();
    let answer = match argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["php", "/opt/sendstores/state.php", rest @ ..] => Some(state(rest)),
        ["/opt/sendstores/restore"] => Some(change(|store, line| {
            *store =
                json!({"installed": true, "admin": line["admin_user"], "version": VERSION, "marker": line["marker"]});
        })),
        ["/opt/sendstores/install"] => Some(change(|store, line| {
            *store = json!({"installed": true, "admin": line["admin_user"]});
        })),
        ["/opt/sendstores/activate"] => Some(change(|store, _| store["version"] = json!(VERSION))),
        ["/opt/sendstores/configure"] => Some(change(|store, line| store["marker"] = line["marker"].clone())),
        _ => None,
    };
    match answer {
        Some(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("a simulated pod cannot run {argv:?}");
            ExitCode::from(127)
        }
    }
}

/// One file for each store: those of a thousand are written at once.
fn file() -> PathBuf {
    let program = env::args().next().map(PathBuf::from).unwrap_or_default();
    let found =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).find(|folder| folder.join(&program).is_file());
    let folder = found.or_else(|| program.parent().map(PathBuf::from)).unwrap_or_default();
    folder.join(format!("pod-standin-{}.json", env::var("POD_NAMESPACE").unwrap_or_default()))
}

fn load() -> Value {
    fs::read(file()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_else(|| json!({}))
}

fn state(flags: &[&str]) -> Value {
    let url = flags.iter().find_map(|flag| flag.strip_prefix("--url=")).unwrap_or_default();
    let store = &load()["stores"][url];
    let active = store["version"].is_string();
    json!({
        "database": "ok",
        "installed": store["installed"] == true,
        "tables": 12,
        "admin": store["admin"].is_string(),
        "active": active,
        "woocommerce_code": VERSION,
        "woocommerce_version": store["version"],
        "woocommerce_db_version": store["version"],
        "wc_installing": false,
        "restorable": store["installed"] != true,
        "restore_attempts": 0,
        "marker": store["marker"],
        "bootstrap_version": 1,
    })
}

fn change(change: impl FnOnce(&mut Value, &Value)) -> Value {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let Ok(line) = read.map_err(drop).and_then(|_| serde_json::from_str::<Value>(&line).map_err(drop)) else {
        return json!({"ok": false, "reason": "BAD_REQUEST", "detail": "one JSON line is expected"});
    };
    let mut all = load();
    // Only the program that begins is told whose shop it is.
    if let Some(url) = line["url"].as_str() {
        all["current"] = json!(url);
    }
    let current = all["current"].as_str().unwrap_or_default().to_owned();
    change(&mut all["stores"][current], &line);
    let new = file().with_extension("new");
    match fs::write(&new, all.to_string()).and_then(|()| fs::rename(&new, file())) {
        Ok(()) => json!({"ok": true}),
        Err(error) => json!({"ok": false, "reason": "DATABASE_UNAVAILABLE", "detail": error.to_string()}),
    }
}

fn serve(address: &str) -> ExitCode {
    let Ok(listener) = TcpListener::bind(address) else {
        eprintln!("{address} cannot be listened at");
        return ExitCode::FAILURE;
    };
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
    ExitCode::SUCCESS
}

fn answer(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.split('?').next()?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse().ok()?;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    let (kind, body) = page(&path, stream.local_addr().ok()?.ip());
    let status = if path.ends_with("/add-item") { "201 Created" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nCart-Token: standin\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()
}

fn cron<T>(pod: IpAddr, work: impl FnOnce(&mut Cron) -> T) -> T {
    let mut pods = CRON.lock().unwrap_or_else(PoisonError::into_inner);
    work(pods.get_or_insert_default().entry(pod).or_default())
}

fn run(cron: &mut Cron) {
    cron.asked += 1;
    if !cron.hangs {
        cron.ended = Some(Instant::now());
    }
}

fn page(path: &str, pod: IpAddr) -> (&'static str, String) {
    let product = json!({
        "id": 11, "name": "Sample product", "sku": "SAMPLE-1", "type": "simple", "is_purchasable": true, "is_in_stock": true,
        "prices": {"price": "1990", "currency_code": "USD", "currency_minor_unit": 2},
    });
    let cart = json!({
        "needs_shipping": true,
        "items": [{"id": 11, "quantity": 1}],
        "payment_methods": ["cod", "bacs"],
        "shipping_rates": [{"shipping_rates": [{"rate_id": "flat_rate:1", "name": "Flat rate", "selected": true}]}],
    });
    let is_empty = cron(pod, |cron| cron.is_empty);
    match path {
        "/standin/catalogue/empty" | "/standin/catalogue/sample" => {
            cron(pod, |cron| cron.is_empty = path.ends_with("/empty"));
            ("text/plain", String::new())
        }
        "/wp-json/wc/store/v1/products" if is_empty => ("application/json", "[]".to_owned()),
        "/wp-cron.php" => {
            cron(pod, run);
            ("text/html", String::new())
        }
        "/cronz.php" => {
            let age = cron(pod, |cron| cron.ended.map(|ended| ended.elapsed().as_secs()));
            ("application/json", json!({"age": age}).to_string())
        }
        "/standin/cron" => ("text/plain", cron(pod, |cron| cron.asked).to_string()),
        "/standin/cron/hang" | "/standin/cron/go" => {
            cron(pod, |cron| cron.hangs = path.ends_with("/hang"));
            ("text/plain", String::new())
        }
        "/wp-json/wc/store/v1/products" => ("application/json", json!([product]).to_string()),
        "/wp-json/wc/store/v1/cart" | "/wp-json/wc/store/v1/cart/add-item" => ("application/json", cart.to_string()),
        _ => ("text/html", "<html><body><h1>Shop</h1>Sample product</body></html>".to_owned()),
    }
}
