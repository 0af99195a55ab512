# shellcheck shell=bash disable=SC2154
# WordPress, WP-CLI, language packs and WooCommerce, each fetched once into the cache and checked.
#
# WordPress and WP-CLI: SENDSTORES_WORDPRESS_SOURCE=official|npm decides, else whether wordpress.org is reachable.
# WooCommerce: WOOCOMMERCE_ZIP=/path, else the official download, else the stand-in of the tests.

readonly wordpress_org=https://wordpress.org woocommerce_url=https://downloads.wordpress.org/plugin

choose_wordpress() {
  local source=${SENDSTORES_WORDPRESS_SOURCE:-}
  if [[ -n $source ]]; then
    [[ $source =~ ^(official|npm)$ ]] || die "SENDSTORES_WORDPRESS_SOURCE must be official or npm"
  elif source=$(recall wordpress); then
    :
  elif reachable "$wordpress_org/"; then
    source=official
    remember wordpress "$source"
  else
    source=npm
    remember wordpress "fallback:$source"
    say "wordpress.org is not reachable: WordPress and WP-CLI come from the npm package wp-studio $WP_STUDIO_VERSION"
  fi
  echo "$source"
}

# Prints `zip SHA256`, `official SHA256` or `stand-in DIGEST`.
choose_woocommerce() {
  local source
  if [[ -n ${WOOCOMMERCE_ZIP:-} ]]; then
    [[ -r $WOOCOMMERCE_ZIP ]] || die "WOOCOMMERCE_ZIP=$WOOCOMMERCE_ZIP cannot be read"
    echo "zip $(sha256sum <"$WOOCOMMERCE_ZIP" | cut -c1-64)"
    return
  fi
  if ! source=$(recall woocommerce); then
    if reachable "$woocommerce_url/woocommerce.$WOOCOMMERCE_VERSION.zip"; then
      source=official
      remember woocommerce "$source"
    else
      source=stand-in
      remember woocommerce "fallback:$source"
    fi
  fi
  case $source in
    official) echo "official $WOOCOMMERCE_SHA256" ;;
    stand-in) echo "stand-in $(tree_digest "$standin")" ;;
  esac
}

# Makes a folder of the cache by FUNCTION FOLDER, as a whole or not at all; sets `vendored` to its path. What fails in there
# ends the build, but only as long as this is called plainly: behind `if`, `&&` or `||` bash goes on with the next command.
vendor_folder() {
  # A function that was changed makes another folder.
  vendored=$cache/images/vendor/$1-$(digest "$(declare -f "$2")")
  shift
  if [[ ! -d $vendored ]]; then
    unfinished+=("$vendored.part")
    rm -rf "$vendored.part"
    mkdir -p "$vendored.part"
    "$@" "$vendored.part"
    mv -T "$vendored.part" "$vendored"
  fi
}

fetch_studio() {
  local folder=$1 files=package/dist/cli/wp-files tarball
  ensure_program npm
  say "fetching the npm package wp-studio $WP_STUDIO_VERSION"
  # `npm pack` only downloads: no script of the package is run.
  (cd "$folder" && npm pack --silent --ignore-scripts "wp-studio@$WP_STUDIO_VERSION" >/dev/null) ||
    die "npm cannot fetch wp-studio $WP_STUDIO_VERSION"
  tarball=$folder/wp-studio-$WP_STUDIO_VERSION.tgz
  [[ $(sha512sum <"$tarball") == "$WP_STUDIO_SHA512  -" ]] || die "wp-studio $WP_STUDIO_VERSION has not the pinned checksum (images/pins)"
  tar -C "$folder" --strip-components=4 --no-same-owner -xzf "$tarball" \
    "$files/latest/wordpress" "$files/latest/languages" "$files/wp-cli/wp-cli.phar"
  mv "$folder"/latest/* "$folder"/wp-cli/wp-cli.phar "$folder"
  rm -rf "$tarball" "$folder/latest" "$folder/wp-cli"
}

fetch_wordpress() {
  local folder=$1
  say "fetching WordPress $WORDPRESS_VERSION and WP-CLI $WP_CLI_VERSION"
  download "$wordpress_org/wordpress-$WORDPRESS_VERSION.tar.gz" "$WORDPRESS_SHA256" "$folder/wordpress.tar.gz" ||
    die "WordPress $WORDPRESS_VERSION cannot be downloaded from wordpress.org"
  download "https://github.com/wp-cli/wp-cli/releases/download/v$WP_CLI_VERSION/wp-cli-$WP_CLI_VERSION.phar" \
    "$WP_CLI_SHA256" "$folder/wp-cli.phar" || die "WP-CLI $WP_CLI_VERSION cannot be downloaded"
  tar -C "$folder" --no-same-owner -xzf "$folder/wordpress.tar.gz"
  rm "$folder/wordpress.tar.gz"
}

fetch_woocommerce() {
  local kind=$1 folder=$2 zip=${WOOCOMMERCE_ZIP:-}
  if [[ $kind == official ]]; then
    say "fetching WooCommerce $WOOCOMMERCE_VERSION"
    zip=$folder/woocommerce.zip
    download "$woocommerce_url/woocommerce.$WOOCOMMERCE_VERSION.zip" "$WOOCOMMERCE_SHA256" "$zip" ||
      die "WooCommerce $WOOCOMMERCE_VERSION cannot be downloaded: give a copy by WOOCOMMERCE_ZIP=/path"
  fi
  ensure_program unzip
  unzip -q "$zip" 'woocommerce/*' -d "$folder" || die "$zip cannot be unpacked"
  [[ -f $folder/woocommerce/woocommerce.php ]] || die "$zip holds no woocommerce/woocommerce.php"
  rm -f "$folder/woocommerce.zip"
}
