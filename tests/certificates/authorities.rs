//! A9: what an operator brings is read, recognised and measured before it vouches for anybody.

use serde_json::{Value, json};

use crate::lookalike::{AUTHORITY, Wish, Workshop};
use crate::phones::{start, trust};
use crate::support::{Site, admin};

fn add(site: &Site, wish: &Value) -> (u16, Value) {
    let (status, _, answer) = admin(site, "POST", "authorities", &wish.to_string(), &[]).unwrap();
    (status, answer)
}

fn none_is_stored(site: &Site) -> bool {
    admin(site, "GET", "authorities", "", &[]).unwrap().2["items"] == json!([])
}

/// `None` where openssl or curl is not installed.
fn open() -> Option<(Workshop, Site)> {
    let shop = Workshop::open()?;
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl");
        return None;
    }
    Some((shop, start()))
}

#[test]
fn sec_a09_an_unknown_authority_has_to_be_confirmed() {
    let Some((shop, site)) = open() else { return };
    let root = shop.make(Wish::authority("/O=Example/CN=Example Root"), None);
    let (status, problem) = add(&site, &json!({"maker": "yealink", "pem": root.pem()}));
    assert_eq!((status, &problem["code"]), (422, &"authority_unknown".into()));
    assert!(problem["detail"].as_str().unwrap().contains("Example Root"), "{problem}");
    assert!(none_is_stored(&site));
    let wish = json!({"maker": "yealink", "pem": root.pem(), "confirm": true});
    let (status, headers, answer) = admin(&site, "POST", "authorities", &wish.to_string(), &[]).unwrap();
    assert_eq!(status, 201, "{answer}");
    let sha256 = answer["sha256"].as_str().unwrap();
    assert!(headers.to_lowercase().contains(&format!("location: /api/v1/authorities/{sha256}")), "{headers}");
    let (_, _, shown) = admin(&site, "GET", &format!("authorities/{sha256}"), "", &[]).unwrap();
    assert_eq!(shown, answer);
    for (field, expected) in [
        ("maker", json!("yealink")),
        ("name", json!("Example Root")),
        ("key", json!("RSA 2048")),
        ("signature", json!("SHA256")),
        ("version", json!(3)),
        ("weaknesses", json!([])),
        ("tolerate", json!([])),
        ("known", json!(false)),
    ] {
        assert_eq!(answer[field], expected, "{field}");
    }
    let (status, problem) = add(&site, &wish);
    assert_eq!((status, &problem["code"]), (409, &"exists".into()));
    let (_, _, acts) = admin(&site, "GET", "audit?limit=1", "", &[]).unwrap();
    assert!(acts.to_string().contains(sha256), "{acts}");
}

#[test]
fn sec_a09_what_is_weak_has_to_be_tolerated_by_name() {
    let Some((shop, site)) = open() else { return };
    let old = Wish { key: "RSA:1024", hash: "md5", extensions: "", ..Wish::authority("/CN=Old") };
    let old = shop.make(Wish { days: -1, ..old }, None);
    let brought = |tolerate: &[&str]| {
        add(&site, &json!({"maker": "grandstream", "pem": old.pem(), "confirm": true, "tolerate": tolerate}))
    };
    for tolerate in [&[][..], &["rsa1024"], &["rsa1024", "v1"], &["expired", "md5", "sha1", "v1"]] {
        let (status, problem) = brought(tolerate);
        assert_eq!((status, &problem["code"]), (422, &"authority_weak".into()), "{tolerate:?}");
    }
    let (_, problem) = brought(&["v1"]);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("RSA 1024, MD5, version 1") && detail.ends_with("tolerate expired, rsa1024"), "{detail}");
    assert!(none_is_stored(&site));
    let (status, answer) = brought(&["expired", "rsa1024", "v1"]);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["weaknesses"], json!(["expired", "md5", "rsa1024", "v1"]));
    assert_eq!(answer["tolerate"], json!(["expired", "rsa1024", "v1"]));
    let (status, problem) = add(&site, &json!({"maker": "snom", "pem": old.pem(), "tolerate": ["sha2"]}));
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/tolerate/0")), "{problem}");
}

#[test]
fn sec_a09_only_a_certificate_that_may_sign_others_is_taken() {
    let Some((shop, site)) = open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let may_not_sign = "basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature\n";
    for (what, pair) in [
        ("a phone's", shop.make(Wish::phone("/CN=805EC0112233"), Some(&root))),
        ("one that may not sign", shop.make(Wish { extensions: may_not_sign, ..Wish::authority("/CN=x") }, None)),
        ("a small key", shop.make(Wish { key: "RSA:512", extensions: AUTHORITY, ..Wish::authority("/CN=x") }, None)),
        ("a key of no use", shop.make(Wish { key: "ED448", ..Wish::authority("/CN=x") }, Some(&root))),
    ] {
        let all = ["expired", "md5", "rsa1024", "sha1", "v1"];
        let wish = json!({"maker": "yealink", "pem": pair.pem(), "confirm": true, "tolerate": all});
        let (status, problem) = add(&site, &wish);
        assert_eq!((status, &problem["code"]), (422, &"not_an_authority".into()), "{what}: {problem}");
    }
    let two = shop.chain(&root, &[&root]);
    let key = std::fs::read_to_string(&root.key).unwrap();
    let broken = root.pem().replace('A', "B");
    for (what, pem) in [("nothing", ""), ("a key", key.as_str()), ("two", &two.pem()), ("broken", &broken)] {
        let (status, problem) = add(&site, &json!({"maker": "yealink", "pem": pem, "confirm": true}));
        assert_eq!((status, &problem["code"]), (422, &"no_certificate".into()), "{what}: {problem}");
    }
    for maker in ["nobody", "", "Yealink"] {
        let (status, problem) = add(&site, &json!({"maker": maker, "pem": root.pem(), "confirm": true}));
        assert_eq!((status, &problem["code"]), (422, &"unknown_maker".into()), "{maker}: {problem}");
    }
    assert!(none_is_stored(&site));
}

#[test]
fn sec_a09_a_check_says_what_a_file_has_and_stores_nothing() {
    let Some((shop, site)) = open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let old = shop.make(Wish { key: "RSA:1024", hash: "sha1", ..Wish::authority("/CN=Old") }, None);
    let phone = shop.make(Wish::phone("/CN=805EC0112233"), Some(&root));
    let file = shop.chain(&root, &[&old, &phone]).pem();
    let (status, _, answer) =
        admin(&site, "POST", "authorities/check", &json!({"pem": file}).to_string(), &[]).unwrap();
    assert_eq!(status, 200, "{answer}");
    let items = answer["items"].as_array().unwrap();
    let of = |field: &str| items.iter().map(|item| item[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("name"), ["Root", "Old", "805EC0112233"]);
    assert_eq!(of("must_be_tolerated"), [json!([]), json!(["rsa1024"]), json!([])]);
    assert_eq!(of("weaknesses"), [json!([]), json!(["rsa1024", "sha1"]), json!([])]);
    assert_eq!(of("added"), [false, false, false]);
    assert!(items[0]["problem"].is_null() && items[2]["problem"].as_str().unwrap().contains("CA:TRUE"), "{answer}");
    assert!(none_is_stored(&site));
    trust(&site, "yealink", &root, &[]);
    let (_, _, answer) = admin(&site, "POST", "authorities/check", &json!({"pem": file}).to_string(), &[]).unwrap();
    assert_eq!(answer["items"][0]["added"], true);
}

#[test]
fn sec_a09_an_authority_is_removed_by_its_fingerprint_in_any_spelling() {
    let Some((shop, site)) = open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let sha256 = trust(&site, "yealink", &root, &[]);
    for unknown in ["0".repeat(64), "root".to_owned()] {
        for method in ["GET", "DELETE"] {
            let (status, _, problem) = admin(&site, method, &format!("authorities/{unknown}"), "", &[]).unwrap();
            assert_eq!((status, &problem["code"]), (404, &"not_found".into()), "{method} {unknown}");
        }
    }
    let pairs: Vec<&str> = sha256.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    let spelt = pairs.join(":").to_uppercase();
    assert_eq!(admin(&site, "DELETE", &format!("authorities/{spelt}"), "", &[]).unwrap().0, 204);
    assert!(none_is_stored(&site));
}

/// The program itself, against the daemon: what it says, and its exit code.
fn ztpd(site: &Site, arguments: &[&str]) -> (i32, String) {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ztpd"));
    program.arg("--socket").arg(&site.socket).args(arguments).stdin(std::process::Stdio::null());
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

#[test]
fn sec_a09_the_command_line_adds_lists_checks_and_removes() {
    let Some((shop, site)) = open() else { return };
    let old = shop.make(Wish { key: "RSA:1024", ..Wish::authority("/CN=Old Root") }, None);
    let file = old.certificate.to_str().unwrap();
    let add = ["authority", "add", file, "--maker", "grandstream"];
    let (code, said) = ztpd(&site, &add);
    assert!(code == 4 && said.contains("Old Root") && said.contains("confirm"), "{code}: {said}");
    let (code, said) = ztpd(&site, &[&add[..], &["--confirm"]].concat());
    assert!(code == 4 && said.contains("tolerate rsa1024"), "{code}: {said}");
    let (code, said) = ztpd(&site, &["authority", "check", file]);
    assert!(code == 0 && said.contains("Old Root") && said.contains("rsa1024"), "{code}: {said}");
    assert!(none_is_stored(&site));
    let (code, said) = ztpd(&site, &[&add[..], &["--confirm", "--tolerate", "rsa1024"]].concat());
    assert!(code == 0 && said.contains("Old Root vouches for phones of grandstream now"), "{code}: {said}");
    let (code, said) = ztpd(&site, &["authority", "list", "--json"]);
    let list: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &list["items"][0]["tolerate"]), (0, &json!(["rsa1024"])));
    let sha256 = list["items"][0]["sha256"].as_str().unwrap().to_owned();
    let (code, said) = ztpd(&site, &["authority", "show", &sha256]);
    assert!(code == 0 && said.contains("RSA 1024"), "{code}: {said}");
    assert_eq!(ztpd(&site, &["authority", "rm", &sha256]).0, 0);
    assert!(none_is_stored(&site));
    // DER is taken too; a phone's own certificate is not.
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let dir = tempfile::tempdir().unwrap();
    let der = dir.path().join("root.der");
    std::fs::write(&der, root.der()[0].as_ref()).unwrap();
    let (code, said) = ztpd(&site, &["authority", "add", der.to_str().unwrap(), "--maker", "snom", "--confirm"]);
    assert_eq!(code, 0, "{said}");
    let old = shop.make(Wish { hash: "sha1", ..Wish::authority("/CN=Signed over SHA-1") }, None);
    let file = old.certificate.to_str().unwrap();
    let (code, said) = ztpd(&site, &["authority", "add", file, "--maker", "snom", "--confirm"]);
    assert!(code == 0 && said.contains("--tolerate sha1"), "{code}: {said}");
    let phone = shop.make(Wish::phone("/CN=000413112233"), Some(&root));
    let (code, said) = ztpd(&site, &["authority", "check", phone.certificate.to_str().unwrap()]);
    assert!(code == 1 && said.contains("CA:TRUE"), "{code}: {said}");
    let (code, said) = ztpd(&site, &["authority", "check", "/nowhere/x.pem"]);
    assert!(code == 1 && said.contains("/nowhere/x.pem"), "{code}: {said}");
    assert_eq!(ztpd(&site, &["authority", "add", file, "--maker", "snom", "--tolerate", "everything"]).0, 2);
}
